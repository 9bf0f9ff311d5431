// This module is browser compatible.
/** A worker's start: it gets the compiled module and the memory, and then serves inside WebAssembly. */

/** What every worker is given. */
export interface WorkerSetup {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** Address of the word that counts failed tasks. */
  readonly failed: number;
}
export function startWorkers(_setup: WorkerSetup, _scratch: readonly number[]): Promise<Worker[]> {
  return Promise.resolve([]);
}
