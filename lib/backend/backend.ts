// This module is browser compatible.
/** The narrow waist: memory and kernels. Everything above it exists once, for every device. */

import type { AdapterTraits, Kernel, NumberArray } from "../../kernels/kernel.ts";

export type { NumberArray } from "../../kernels/kernel.ts";

/** Element types of device memory. f16 is storage only: kernels compute in f32, and the host reads and writes f32. */
export type StorageType = "f32" | "u32" | "f16";

/** A piece of one backend's memory. */
export interface Storage {
  /** Elements. */
  readonly length: number;
  readonly type: StorageType;
}

/** How much device memory is in use. */
export interface MemoryUse {
  /** Storages allocated and not freed. */
  readonly storages: number;
  /** Their bytes. */
  readonly bytes: number;
  /** Bytes held by the backend, in use or pooled for reuse. */
  readonly reservedBytes: number;
  /** Highest `bytes` so far. */
  readonly peakBytes: number;
}

/** A device that holds numbers and runs kernels on them, in the order of the calls. */
export interface Backend {
  /** "cpu" or "webgpu". */
  readonly name: string;
  /** For people: what computes, for the first line a script prints. */
  readonly description: string;
  /** Precision of "f32" storage: "f64" on the CPU backend of gradient checks. */
  readonly precision: "f32" | "f64";
  /** Whether it has f16 storage. */
  readonly halves: boolean;
  /** What a GPU's kernels choose their programs by. None on the CPU. */
  readonly traits?: AdapterTraits;
  /**
   * Memory for `length` elements. Its contents are unspecified.
   *
   * @throws {RangeError} If the device cannot hold that much, or has no storage of this type.
   */
  alloc(length: number, type?: StorageType): Storage;
  /** Copies `data` into `storage`, after the kernels run before and ahead of those run after. */
  write(storage: Storage, data: ArrayLike<number>, offset?: number): void;
  /** The contents, once every kernel run so far has finished. Throws the errors collected meanwhile. */
  read(storage: Storage): Promise<NumberArray>;
  /** Gives memory back. Kernels already run still find it. */
  free(storage: Storage): void;
  /** Runs one kernel (a GPU records it, see {@linkcode Backend.flush}). */
  run<B extends string, P extends string>(
    kernel: Kernel<B, P>,
    buffers: Readonly<Record<B, Storage>>,
    params: Readonly<Record<P, number>>,
  ): void;
  /** Hands recorded work to the device without waiting for it. Nothing to do on the CPU. */
  flush(): void;
  memory(): MemoryUse;
  /** Releases the device. */
  close(): void;
}
