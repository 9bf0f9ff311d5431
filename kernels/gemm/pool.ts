// This module is browser compatible.
/** The threads: this one, and Workers that share its memory and wait for jobs. */

import type { NumberArray } from "../kernel.ts";
import type { Blas } from "./blas.ts";
import type { JobCall, Machine } from "./machine.ts";
import type { EngineModule } from "./module.ts";
import { ARGUMENT_SLOTS, ARGUMENTS, CONTROL, SCRATCH } from "./pool_jobs.ts";
import { SCRATCH_BYTES } from "./scratch.ts";
import { startWorker, workerReady } from "./worker.ts";

/** How long a worker may take to start. */
const START_TIMEOUT_MS = 10_000;

/** Bytes at the memory's start that belong to a pool of `threads`. */
export function reservedBytes(threads: number): number {
  return SCRATCH + threads * SCRATCH_BYTES;
}

const NO_FLOATS: readonly boolean[] = [];

/** The functions that `pool_jobs.ts` exports. */
interface PoolExports {
  alone(entry: number, args: number, scratch: number, first: number, last: number): void;
  work(scratch: number): void;
  finish(): void;
}

/** Jobs on this thread and, once {@linkcode Pool.start} has succeeded, on workers. */
export class Pool implements Machine {
  readonly blas: "none" | "shared" | "alone";
  readonly #memory: WebAssembly.Memory;
  readonly #workerSource: string | undefined;
  readonly #entries: ReadonlyMap<string, number>;
  readonly #compiled: WebAssembly.Module;
  readonly #exports: PoolExports;
  readonly #buffers = new WeakSet<ArrayBufferLike>();
  #workers: Worker[] = [];
  #wanted = 0;
  #integers: Int32Array;
  #floats: Float32Array;
  #serial = 0;
  #broken = "";

  /** @param blas The library that the module imports its function from, where it does. */
  constructor(module: EngineModule, memory: WebAssembly.Memory, blas?: Blas) {
    this.#memory = memory;
    this.blas = !blas ? "none" : blas.workerSource ? "shared" : "alone";
    this.#workerSource = blas?.workerSource;
    this.noteGrowth();
    this.#entries = module.entries;
    this.#compiled = new WebAssembly.Module(module.bytes);
    const env: WebAssembly.ModuleImports = blas ? { memory, sgemm: blas.open(memory) } : { memory };
    const instance = new WebAssembly.Instance(this.#compiled, { env });
    // The module is ours: `definePool` exports exactly these.
    this.#exports = instance.exports as unknown as PoolExports;
    this.#integers = new Int32Array(memory.buffer, 0, ARGUMENTS / 4 + ARGUMENT_SLOTS);
    this.#floats = new Float32Array(memory.buffer, 0, ARGUMENTS / 4 + ARGUMENT_SLOTS);
  }

  get threads(): number {
    return this.#wanted + 1;
  }

  owns(array: NumberArray): boolean {
    return this.#buffers.has(array.buffer);
  }

  /** Takes note that the memory has grown: it has a new buffer then, and views of shared old ones stay valid. */
  noteGrowth(): void {
    this.#buffers.add(this.#memory.buffer);
  }

  nextSerial(): number {
    return ++this.#serial;
  }

  /**
   * Starts workers and waits until they are ready.
   *
   * @throws {Error} If one of them does not start; none is left running then.
   */
  async start(count: number): Promise<void> {
    this.#wanted = count;
    try {
      this.#hire();
      await Promise.all(this.#workers.map((worker) => workerReady(worker, START_TIMEOUT_MS)));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Starts the workers that have not been started yet, and those that have retired. */
  #hire(): void {
    for (let index = 0; index < this.#wanted; index++) {
      const alive = CONTROL.alive + 4 * index;
      if (Atomics.load(this.#integers, alive / 4) !== 0) continue;
      Atomics.store(this.#integers, alive / 4, 1);
      this.#workers[index] = startWorker({
        module: this.#compiled,
        memory: this.#memory,
        scratch: SCRATCH + (index + 1) * SCRATCH_BYTES,
        alive,
        failed: CONTROL.failed,
        done: CONTROL.done,
      }, this.#workerSource);
    }
  }

  run(job: string, { values, floats = NO_FLOATS, tasks, alone }: JobCall): void {
    const entry = this.#entries.get(job);
    if (entry === undefined) throw new RangeError(`Cannot run "${job}": the engine has no such job`);
    if (this.#broken) throw new Error(`Cannot run "${job}": ${this.#broken}`);
    if (tasks <= 0) return;
    this.#refresh();
    const integers = this.#integers;
    for (let slot = 0; slot < values.length; slot++) {
      const words = floats[slot] ? this.#floats : integers;
      words[ARGUMENTS / 4 + slot] = values[slot];
    }
    if (alone || tasks === 1 || this.#wanted === 0) {
      this.#exports.alone(entry, ARGUMENTS, SCRATCH, 0, tasks);
    } else this.#share(job, entry, tasks);
  }

  #share(job: string, entry: number, tasks: number): void {
    this.#hire();
    const integers = this.#integers;
    const [next, end, done] = [CONTROL.next / 4, CONTROL.end / 4, CONTROL.done / 4];
    const last = (integers[next] + tasks) | 0;
    integers[CONTROL.entry / 4] = entry;
    integers[CONTROL.base / 4] = integers[next];
    Atomics.store(integers, end, last);
    if (Atomics.load(integers, CONTROL.asleep / 4) > 0) Atomics.notify(integers, end);
    this.#broken = "an earlier job failed"; // Until this one has not.
    this.#exports.work(SCRATCH);
    this.#exports.finish();
    if (Atomics.load(integers, done) !== last) this.#broken = "a worker has stopped answering";
    else if (Atomics.load(integers, CONTROL.failed / 4)) {
      this.#broken = "a worker failed in the middle of a job";
    } else this.#broken = "";
    if (this.#broken) throw new Error(`Cannot run "${job}": ${this.#broken}`);
  }

  /** Views of a memory that is not shared die when it grows. */
  #refresh(): void {
    if (this.#integers.length > 0) return;
    this.#integers = new Int32Array(this.#memory.buffer, 0, ARGUMENTS / 4 + ARGUMENT_SLOTS);
    this.#floats = new Float32Array(this.#memory.buffer, 0, ARGUMENTS / 4 + ARGUMENT_SLOTS);
  }

  /** Ends the workers. Jobs then run on this thread alone. */
  close(): void {
    if (this.#wanted === 0) return;
    // A sleeping worker must be woken: terminating it alone would not end its sleep.
    Atomics.store(this.#integers, CONTROL.stop / 4, 1);
    Atomics.notify(this.#integers, CONTROL.end / 4);
    for (const worker of this.#workers) worker.terminate();
    this.#workers = [];
    this.#wanted = 0;
  }
}
