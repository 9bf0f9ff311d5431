// This module is browser compatible.
import type { AdapterTraits, Kernel } from "../../kernels/kernel.ts";
import type { Backend, MemoryUse, NumberArray, Storage, StorageType } from "../backend/backend.ts";

/** What one kernel took. */
export interface KernelTime {
  /** Runs. */
  readonly count: number;
  /** Of all of them together: the caller's time, which is all there is on the CPU and the recording on a GPU. */
  readonly ms: number;
}

/** A backend that counts what passes through it on the way to another. */
export class ObservedBackend implements Backend {
  readonly name: string;
  readonly description: string;
  readonly precision: "f32" | "f64";
  readonly halves: boolean;
  readonly traits?: AdapterTraits;
  /** Time by kernel, while {@linkcode ObservedBackend.timing} is on. */
  readonly times = new Map<string, KernelTime>();
  /** Whether runs are timed. */
  timing = false;
  /** Kernels run. */
  runs = 0;
  /** Bytes allocated and not freed. */
  bytes = 0;
  /** Highest `bytes` since it was last set. */
  peakBytes = 0;
  readonly #inner: Backend;

  constructor(inner: Backend) {
    this.#inner = inner;
    this.name = inner.name;
    this.description = inner.description;
    this.precision = inner.precision;
    this.halves = inner.halves;
    this.traits = inner.traits;
  }

  alloc(length: number, type?: StorageType): Storage {
    const storage = this.#inner.alloc(length, type);
    this.bytes += bytesOf(storage);
    this.peakBytes = Math.max(this.peakBytes, this.bytes);
    return storage;
  }

  free(storage: Storage): void {
    this.bytes -= bytesOf(storage);
    this.#inner.free(storage);
  }

  run<B extends string, P extends string>(
    kernel: Kernel<B, P>,
    buffers: Readonly<Record<B, Storage>>,
    params: Readonly<Record<P, number>>,
  ): void {
    this.runs++;
    if (!this.timing) return this.#inner.run(kernel, buffers, params);
    const start = performance.now();
    this.#inner.run(kernel, buffers, params);
    const ms = performance.now() - start;
    const before = this.times.get(kernel.name) ?? { count: 0, ms: 0 };
    this.times.set(kernel.name, { count: before.count + 1, ms: before.ms + ms });
  }

  write(storage: Storage, data: ArrayLike<number>, offset?: number): void {
    this.#inner.write(storage, data, offset);
  }

  read(storage: Storage): Promise<NumberArray> {
    return this.#inner.read(storage);
  }

  flush(): void {
    this.#inner.flush();
  }

  memory(): MemoryUse {
    return this.#inner.memory();
  }

  close(): void {
    this.#inner.close();
  }
}

function bytesOf({ length, type }: Storage): number {
  return length * (type === "f16" ? 2 : 4);
}
