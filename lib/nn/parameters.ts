// This module is browser compatible.
import type { Backend } from "../backend/backend.ts";
import { Random } from "../random.ts";
import { type Shape, sizeOf, Tensor } from "../tensor.ts";

/** How a tensor lies in a file, where PyTorch's order differs from ours. "conv": file OIHW, device HWIO. */
export type FileLayout = "same" | "conv";

/** A named tensor of a model. */
export interface Parameter {
  /** Name as in PyTorch's state dict. */
  readonly name: string;
  readonly tensor: Tensor;
  readonly layout: FileLayout;
  /** Whether it is trained. Running statistics are not: the forward updates them. */
  readonly trained: boolean;
}

/** Draws one number of an initial tensor. */
export type Initialiser = (random: Random) => number;

/** Every number the same. */
export function constant(value: number): Initialiser {
  return () => value;
}

/** Uniform between -bound and bound. */
export function uniform(bound: number): Initialiser {
  return (random) => (2 * random.uniform() - 1) * bound;
}

/** PyTorch's default for linear and convolution layers, weights and biases: uniform in ±1/sqrt(fanIn). */
export function fanIn(inputs: number): Initialiser {
  return uniform(1 / Math.sqrt(inputs));
}

/**
 * The tensors of a model by name, in the order of their making.
 *
 * Initial values depend on the seed and on the tensor's name alone: a model with another decoder starts with
 * the same encoder.
 */
export class Parameters {
  readonly backend: Backend;
  readonly #seed: number | undefined;
  readonly #type: "f32" | "f16";
  readonly #byName = new Map<string, Parameter>();

  /**
   * @param seed Undefined leaves their values open, for those that are about to be loaded: drawing takes a while.
   * @param options How tensors of two and more axes are stored, default "f32". Vectors, such as biases and running
   * statistics, are always f32: they are small, and a variance may be larger than a half float.
   */
  constructor(
    backend: Backend,
    seed: number | undefined,
    { type = "f32" }: { readonly type?: "f32" | "f16" } = {},
  ) {
    this.backend = backend;
    this.#seed = seed;
    this.#type = type;
  }

  /**
   * Makes a tensor.
   *
   * @param name Its name in files.
   * @param options `shape` on the device, how to start it, its layout in files (default "same"), whether it is
   * trained (default true).
   */
  add(
    name: string,
    options: {
      readonly shape: Shape;
      readonly start: Initialiser;
      readonly layout?: FileLayout;
      readonly trained?: boolean;
    },
  ): Tensor {
    if (this.#byName.has(name)) throw new RangeError(`Cannot add the parameter ${name}: it exists already`);
    const { shape, start, layout = "same", trained = true } = options;
    const tensor = new Tensor(this.backend, shape, {
      type: shape.length > 1 ? this.#type : "f32",
      label: name,
    });
    if (this.#seed !== undefined) {
      const random = new Random(this.#seed, ...[...name].map((letter) => letter.codePointAt(0)!));
      const values = new Float32Array(sizeOf(shape));
      for (let i = 0; i < values.length; i++) values[i] = start(random);
      this.backend.write(tensor.storage, values);
    }
    this.#byName.set(name, { name, tensor, layout, trained });
    return tensor;
  }

  /** All of them. */
  get all(): Parameter[] {
    return [...this.#byName.values()];
  }

  /** Those that are trained. */
  get trained(): Parameter[] {
    return this.all.filter((parameter) => parameter.trained);
  }

  /** Numbers in all trained ones. */
  get count(): number {
    return this.trained.reduce((sum, { tensor }) => sum + tensor.length, 0);
  }

  dispose(): void {
    for (const { tensor } of this.all) tensor.dispose();
  }
}
