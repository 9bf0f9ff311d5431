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
  /** Posted and not yet answered. One at a time: a worker's death overtakes its answers, so of two none could be blamed. */
  task: Task<Job, Answer> | undefined;
  /** Whether its module has loaded; it gets no job before. */
  ready: boolean;
}

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
   * @throws {DOMException} "DataCloneError": if it cannot be cloned.
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
    for (const { worker, task } of this.#lanes.splice(0)) {
      worker.terminate();
      if (task) this.#queue.push(task);
    }
    for (const { reject } of this.#queue.splice(0)) reject(this.#closed);
  }

  /** Hands waiting jobs to free workers, and starts workers for what is left. */
  #assign(): void {
    for (const lane of this.#lanes) {
      while (lane.ready && !lane.task) {
        const task = this.#queue.shift();
        if (!task) return;
        if (post(lane.worker, task)) lane.task = task;
      }
    }
    let starting = this.#lanes.filter(({ ready }) => !ready).length;
    for (; starting < this.#queue.length && this.#lanes.length < this.threads; starting++) this.#start();
  }

  #start(): void {
    const worker = new Worker(this.#module, { type: "module" });
    const lane: Lane<Job, Answer> = { worker, task: undefined, ready: false };
    this.#lanes.push(lane);
    worker.onmessage = ({ data }) => {
      const done = lane.task;
      lane.task = undefined;
      lane.ready = true;
      this.#assign(); // first, so that the worker does not wait for what this thread does with the answer
      done?.resolve(data);
    };
    worker.onerror = (event) => {
      event.preventDefault(); // or it would end this thread too
      this.#replace(lane, event.message);
    };
  }

  #replace(lane: Lane<Job, Answer>, message: string): void {
    if (this.#closed) return;
    if (!lane.ready) return this.#end(new Error(`Cannot start a worker of ${this.#module}: ${message}`));
    lane.worker.terminate();
    this.#lanes.splice(this.#lanes.indexOf(lane), 1);
    lane.task?.reject(new WorkerCrash(message));
    this.#assign();
  }
}

/** Gives a worker a job. One that cannot be cloned is rejected: the worker never sees it and stays free. */
function post<Job, Answer>(worker: Worker, { job, reject }: Task<Job, Answer>): boolean {
  try {
    worker.postMessage(job);
    return true;
  } catch (error) {
    reject(error as Error); // a DOMException is one
    return false;
  }
}
