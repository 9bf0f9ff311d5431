// This module is browser compatible.
/**
 * A worker's life: it gets the compiled module and the memory, and then serves inside WebAssembly.
 *
 * Its source is this file's own function, handed over as a Blob: a worker from a file would need permission to read
 * that file, and a path that survives bundling.
 */

import type { Blas } from "./blas.ts";

/** What a worker is given. */
export interface WorkerSetup {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** The worker's scratch memory. */
  readonly scratch: number;
  /** Address of the word that is 1 while the worker lives. */
  readonly alive: number;
  /** Addresses of the words that count failed and finished tasks. */
  readonly failed: number;
  readonly done: number;
}

/** Runs in the worker. Nothing outside this function exists there; `openSgemm` is that of a BLAS, if there is one. */
function workerMain(openSgemm?: Blas["open"]): void {
  // The page's and the worker's global scopes are one type here; in a worker both take a message alone.
  const scope = globalThis as unknown as {
    onmessage: ((event: MessageEvent<WorkerSetup>) => void) | null;
    postMessage(message: string): void;
    close(): void;
  };
  scope.onmessage = ({ data: { module, memory, scratch, alive, failed, done } }) => {
    const words = new Int32Array(memory.buffer, 0, 1024);
    // Without `openSgemm` no job of a worker's calls it: the library's are the calling thread's, or there is none.
    const sgemm = openSgemm?.(memory) ?? (() => {
      throw new Error("this thread has no BLAS");
    });
    const { exports } = new WebAssembly.Instance(module, { env: { memory, sgemm } });
    scope.postMessage("ready");
    try {
      (exports.serve as (scratch: number, alive: number) => void)(scratch, alive);
    } catch (error) {
      // The caller may be asleep until this task is done: say that it is, and that it failed.
      Atomics.add(words, failed / 4, 1);
      Atomics.add(words, done / 4, 1);
      Atomics.notify(words, done / 4);
      throw error;
    } finally {
      scope.close();
    }
  };
}

/** Addresses of the sources, by the BLAS in them, made once. */
const sourceUrls = new Map<string, string>();

/**
 * Starts a worker and returns at once. It joins the pool when it is up.
 *
 * @param blasSource See `Blas.workerSource`.
 */
export function startWorker(setup: WorkerSetup, blasSource = ""): Worker {
  const source = `(${workerMain})(${blasSource})`;
  const sourceUrl = sourceUrls.get(source) ??
    URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  sourceUrls.set(source, sourceUrl);
  const worker = new Worker(sourceUrl, { type: "module" });
  worker.onerror = (event) => event.preventDefault(); // `failed` has counted it: it must not end the program as well
  worker.postMessage(setup);
  return worker;
}

/**
 * Waits until a worker says that it is ready, and then listens no more.
 *
 * @throws {Error} If it fails first, or does not answer in `timeoutMs`.
 */
export function workerReady(worker: Worker, timeoutMs: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs);
  worker.onmessage = () => resolve();
  worker.onerror = (event) => {
    event.preventDefault();
    reject(new Error(event.message));
  };
  return promise.finally(() => {
    clearTimeout(timer);
    worker.onmessage = null;
  });
}
