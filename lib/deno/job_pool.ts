// This module runs in Deno only.
/**
 * Workers that share a queue of jobs.
 *
 * A worker's module posts "ready" when it has loaded, then exactly one answer to every message, in order. What it
 * throws itself, outside of an answer, counts as a crash: its job is rejected and the worker replaced.
 */

/** A worker died of a job. */
export class WorkerCrash extends Error {
  override readonly name = "WorkerCrash";
}

interface Task<Job, Answer> {
  readonly job: Job;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

interface Lane<Job, Answer> {
  readonly worker: Worker;
  /** Posted and not answered; the first is being worked on. */
  readonly tasks: Task<Job, Answer>[];
  ready: boolean;
}

/** Jobs that a worker holds, so that it has the next at hand while this thread is busy. */
const HELD_JOBS = 2;

/** Up to `threads` workers of one module, started when there is work. Close it, or the process does not end. */
export class JobPool<Job, Answer> {
  readonly threads: number;
  readonly #module: URL;
  readonly #queue: Task<Job, Answer>[] = [];
  readonly #lanes: Lane<Job, Answer>[] = [];
  #closed: Error | undefined;

  /** @param module The workers' module. */
  constructor(module: URL, threads: number) {
    if (!(Number.isInteger(threads) && threads >= 1)) {
      throw new RangeError(`Cannot start ${threads} workers: threads must be a whole number of at least 1`);
    }
    this.threads = threads;
    this.#module = module;
  }

  /**
   * Has a job done by the next free worker.
   *
   * @param job Is cloned. While no worker is free, it is kept as it is.
   * @throws {WorkerCrash} If the worker died of it.
   * @throws {Error} If the pool is closed or its workers cannot start.
   */
  run(job: Job): Promise<Answer> {
    if (this.#closed) return Promise.reject(this.#closed);
    return new Promise((resolve, reject) => {
      this.#queue.push({ job, resolve, reject });
      this.#assign();
    });
  }

  /** Ends the workers. What still waits is rejected. */
  close(): void {
    this.#end(new Error("Cannot do this job: the pool of workers is closed"));
  }

  #end(reason: Error): void {
    this.#closed ??= reason;
    for (const { worker, tasks } of this.#lanes.splice(0)) {
      worker.terminate();
      this.#queue.push(...tasks);
    }
    for (const { reject } of this.#queue.splice(0)) reject(this.#closed);
  }

  /** Hands waiting jobs to the least busy workers. */
  #assign(): void {
    while (this.#queue.length > 0) {
      let lane = this.#lanes.toSorted((a, b) => a.tasks.length - b.tasks.length).at(0);
      if (!lane || (lane.tasks.length > 0 && this.#lanes.length < this.threads)) lane = this.#start();
      if (lane.tasks.length >= HELD_JOBS) return;
      const task = this.#queue.shift()!; // the loop's condition says there is one
      lane.tasks.push(task);
      lane.worker.postMessage(task.job);
    }
  }

  #start(): Lane<Job, Answer> {
    const worker = new Worker(this.#module, { type: "module" });
    const lane: Lane<Job, Answer> = { worker, tasks: [], ready: false };
    this.#lanes.push(lane);
    worker.onmessage = ({ data }) => {
      if (lane.ready) {
        lane.tasks.shift()?.resolve(data);
        this.#assign();
      } else lane.ready = true;
    };
    worker.onerror = (event) => {
      event.preventDefault(); // or it would end this thread too
      this.#replace(lane, event.message);
    };
    return lane;
  }

  #replace(lane: Lane<Job, Answer>, message: string): void {
    if (this.#closed) return;
    if (!lane.ready) return this.#end(new Error(`Cannot start a worker of ${this.#module}: ${message}`));
    lane.worker.terminate();
    this.#lanes.splice(this.#lanes.indexOf(lane), 1);
    const [culprit, ...rest] = lane.tasks;
    culprit?.reject(new WorkerCrash(message));
    this.#queue.unshift(...rest);
    this.#assign();
  }
}
