// This module is browser compatible.
/**
 * A worker's life: it gets the compiled module and the memory, and then serves inside WebAssembly.
 *
 * Its source is this file's own function, handed over as a Blob: a worker from a file would need permission to read
 * that file, and a path that survives bundling.
 */

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

/** Runs in the worker. Nothing outside this function exists there. */
function workerMain(): void {
  // The page's and the worker's global scopes are one type here; in a worker both take a message alone.
  const scope = globalThis as unknown as {
    onmessage: ((event: MessageEvent<WorkerSetup>) => void) | null;
    postMessage(message: string): void;
    close(): void;
  };
  scope.onmessage = ({ data: { module, memory, scratch, alive, failed, done } }) => {
    const words = new Int32Array(memory.buffer, 0, 1024);
    const { exports } = new WebAssembly.Instance(module, { env: { memory } });
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

/** The source's address, made once. */
let sourceUrl: string | undefined;

/** Starts a worker and returns at once. It joins the pool when it is up. */
export function startWorker(setup: WorkerSetup): Worker {
  sourceUrl ??= URL.createObjectURL(new Blob([`(${workerMain})()`], { type: "text/javascript" }));
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
