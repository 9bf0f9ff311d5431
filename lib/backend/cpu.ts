// This module is browser compatible.
import type { CpuEngine } from "../../kernels/gemm/engine.ts";
import { type Blas, openEngine } from "../../kernels/gemm/mod.ts";
import type { Kernel, NumberArray } from "../../kernels/kernel.ts";
import type { Backend, MemoryUse, Storage, StorageType } from "./backend.ts";
import { type CpuMemory, CpuStorage, DoubleMemory, EngineMemory } from "./cpu_memory.ts";

/** Options of {@linkcode openCpu}. */
export interface CpuOptions {
  /** Threads that compute. Default: the machine's logical processors. */
  readonly threads?: number;
  /** Finds the system's BLAS, when it is known that the CPU computes. Default: none. */
  readonly blas?: () => Blas | undefined;
}

/** Opens the CPU as a device: SIMD on all its cores where the runtime allows threads. */
export async function openCpu(options: CpuOptions = {}): Promise<CpuBackend> {
  const { threads, blas } = options;
  return new CpuBackend({ engine: await openEngine({ threads, blas: blas?.() }) });
}

/** The CPU: kernels' `fast` forms on the engine, their twins otherwise. */
export class CpuBackend implements Backend {
  readonly name = "cpu";
  readonly description: string;
  readonly precision: "f32" | "f64";
  readonly halves = false;
  readonly #engine: CpuEngine | undefined;
  readonly #memory: CpuMemory;
  readonly #twinsOnly: boolean;
  #storages = 0;
  #bytes = 0;
  #peakBytes = 0;

  /**
   * @param options `engine` makes it fast. Without one it computes in f64 and runs the twins alone: slow and
   * exact. `twinsOnly` keeps f32 and the engine's memory but runs the twins, to check the fast forms.
   */
  constructor(options: { readonly engine?: CpuEngine; readonly twinsOnly?: boolean } = {}) {
    const { engine, twinsOnly = false } = options;
    this.#engine = engine;
    this.#twinsOnly = twinsOnly;
    this.#memory = engine ? new EngineMemory(engine) : new DoubleMemory();
    this.precision = engine ? "f32" : "f64";
    this.description = engine ? `CPU (${engine.description})` : "CPU (f64, plain loops)";
  }

  alloc(length: number, type: StorageType = "f32"): Storage {
    if (type === "f16") {
      throw new RangeError("Cannot store f16 on the CPU: it computes in f32, use --precision f32 or a GPU");
    }
    let storage: CpuStorage;
    try {
      storage = new CpuStorage(this.#memory, length, type);
    } catch (error) {
      throw new RangeError(
        `Cannot allocate ${(length * 4 / 2 ** 20).toFixed(0)} MiB: ${
          (this.#bytes / 2 ** 20).toFixed(0)
        } MiB ` +
          `are in use and the memory cannot grow, use a smaller --batch or --size`,
        { cause: error },
      );
    }
    this.#storages++;
    this.#bytes += storage.array.byteLength;
    this.#peakBytes = Math.max(this.#peakBytes, this.#bytes);
    return storage;
  }

  write(storage: Storage, data: ArrayLike<number>, offset = 0): void {
    const { array } = storage as CpuStorage;
    if (offset + data.length > array.length) {
      throw new RangeError(
        `Cannot write ${data.length} numbers at ${offset}: the storage holds ${array.length}`,
      );
    }
    array.set(data, offset);
  }

  read(storage: Storage): Promise<NumberArray> {
    return Promise.resolve((storage as CpuStorage).array.slice());
  }

  free(storage: Storage): void {
    const { array } = storage as CpuStorage;
    this.#storages--;
    this.#bytes -= array.byteLength;
    this.#memory.release(array);
  }

  run<B extends string, P extends string>(
    kernel: Kernel<B, P>,
    buffers: Readonly<Record<B, Storage>>,
    params: Readonly<Record<P, number>>,
  ): void {
    const arrays = {} as Record<B, NumberArray>; // filled below, one per name
    for (const name in buffers) arrays[name] = (buffers[name] as Storage as CpuStorage).array;
    if (kernel.fast && this.#engine && !this.#twinsOnly) kernel.fast(arrays, params, this.#engine);
    else kernel.cpu(arrays, params);
  }

  flush(): void {
    // run() has already run
  }

  memory(): MemoryUse {
    return {
      storages: this.#storages,
      bytes: this.#bytes,
      reservedBytes: Math.max(this.#memory.reservedBytes, this.#bytes),
      peakBytes: this.#peakBytes,
    };
  }

  close(): void {
    this.#engine?.close();
  }
}
