// This module is browser compatible.
import type { Backend, NumberArray, Storage, StorageType } from "./backend/backend.ts";
import { adopt } from "./scope.ts";

/** Sizes of a tensor's axes, slowest first. */
export type Shape = readonly number[];

/** Options of a new {@linkcode Tensor}. */
export interface TensorOptions {
  /** Element type. Default "f32". */
  readonly type?: StorageType;
  /** Name in error messages. Default "tensor". */
  readonly label?: string;
}

/**
 * Numbers on a device, row-major, with a shape.
 *
 * A tensor made inside a {@linkcode scope} dies with it; one made outside lives until {@linkcode Tensor.dispose}.
 */
export class Tensor {
  /** Tensors that hold memory now. The same after step 2 and step 200, or something leaks. */
  static live = 0;

  readonly backend: Backend;
  readonly shape: Shape;
  readonly type: StorageType;
  readonly label: string;
  /** The memory and how many tensors look at it: a reshaped tensor shares its origin's. */
  #memory: { readonly storage: Storage; users: number } | undefined;

  /** Allocates a tensor. Its contents are unspecified until a kernel or `backend.write` fills it. */
  constructor(backend: Backend, shape: Shape, options: TensorOptions = {}, shared?: Tensor) {
    this.backend = backend;
    this.shape = shape;
    this.type = shared?.type ?? options.type ?? "f32";
    this.label = options.label ?? shared?.label ?? "tensor";
    if (shared) {
      this.#memory = shared.#memory;
      shared.storage; // throws if it has been freed
      this.#memory!.users++;
    } else {
      this.#memory = { storage: backend.alloc(sizeOf(shape, this.label), this.type), users: 1 };
    }
    Tensor.live++;
    adopt(this);
  }

  /**
   * The same memory under another shape, without copying.
   *
   * @throws {RangeError} If the sizes differ.
   */
  view(shape: Shape, label = this.label): Tensor {
    if (sizeOf(shape, label) !== this.length) {
      throw new RangeError(
        `Cannot view ${this} as [${shape.join(", ")}]: the sizes differ, ${this.length} and ${
          sizeOf(shape, label)
        }`,
      );
    }
    return new Tensor(this.backend, shape, { label }, this);
  }

  /** Whether other tensors look at the same memory. */
  get shared(): boolean {
    return (this.#memory?.users ?? 0) > 1;
  }

  /** Elements. */
  get length(): number {
    return this.storage.length;
  }

  /**
   * The memory behind the tensor, for kernels.
   *
   * @throws {ReferenceError} If the tensor has been disposed.
   */
  get storage(): Storage {
    if (!this.#memory) {
      throw new ReferenceError(
        `Cannot use ${this}: it has been freed, return it from its scope() to keep it`,
      );
    }
    return this.#memory.storage;
  }

  /** Whether its memory has been given back. */
  get disposed(): boolean {
    return this.#memory === undefined;
  }

  /** Copies the contents to the host, once everything run so far has finished. */
  read(): Promise<NumberArray> {
    return this.backend.read(this.storage);
  }

  /** The only element of a tensor of length 1. */
  async item(): Promise<number> {
    if (this.length !== 1) throw new RangeError(`Cannot read ${this} as one number: it has ${this.length}`);
    return (await this.read())[0];
  }

  /** Gives the memory back. Doing it twice is harmless. */
  dispose(): void {
    if (!this.#memory) return;
    if (--this.#memory.users === 0) this.backend.free(this.#memory.storage);
    this.#memory = undefined;
    Tensor.live--;
  }

  /** For error messages: `"features" [16, 64, 256]`. */
  toString(): string {
    return `"${this.label}" [${this.shape.join(", ")}]`;
  }
}

/** Copies tensors to the host as {@linkcode Tensor.read} does, and frees them: where a read fails, too. */
export async function readAndFree(tensors: readonly Tensor[]): Promise<NumberArray[]> {
  try {
    return await Promise.all(tensors.map((tensor) => tensor.read()));
  } finally {
    for (const tensor of tensors) tensor.dispose();
  }
}

/** Options of {@linkcode tensor}. */
export interface TensorData extends TensorOptions {
  /** Sizes of the axes. Default: one axis with all the data. */
  readonly shape?: Shape;
}

/**
 * A tensor with the given contents.
 *
 * @throws {RangeError} If the shape does not hold exactly the data.
 */
export function tensor(backend: Backend, data: ArrayLike<number>, options: TensorData = {}): Tensor {
  const shape = options.shape ?? [data.length];
  const size = sizeOf(shape, options.label ?? "tensor");
  if (size !== data.length) {
    throw new RangeError(
      `Cannot make ${options.label ?? "a tensor"} of shape [${
        shape.join(", ")
      }] from ${data.length} numbers: ` +
        `the shape holds ${size}`,
    );
  }
  const result = new Tensor(backend, shape, options);
  backend.write(result.storage, data);
  return result;
}

/** Elements of a shape; 1 for []. */
export function sizeOf(shape: Shape, label = "tensor"): number {
  let size = 1;
  for (const axis of shape) {
    if (!Number.isInteger(axis) || axis <= 0) {
      throw new RangeError(
        `Cannot make "${label}" of shape [${
          shape.join(", ")
        }]: every size must be a whole number of at least 1`,
      );
    }
    size *= axis;
  }
  return size;
}
