// This module is browser compatible.
import { adamKernel, globalNormKernel, SUM_SQUARES_CHUNKS, sumSquaresKernel } from "../../kernels/adam.ts";
import { fillKernel } from "../../kernels/elementwise.ts";
import { Tensor } from "../tensor.ts";

/** Options of {@linkcode Adam.step}. */
export interface AdamStep {
  readonly learningRate: number;
  /** Largest global norm of the gradients; larger ones are scaled down to it. Default: no limit. */
  readonly clipNorm?: number;
}

/** Options of {@linkcode Adam}. */
export interface AdamOptions {
  /** Decay of the mean of gradients. Default 0.9. */
  readonly beta1?: number;
  /** Decay of the mean of their squares. Default 0.999. */
  readonly beta2?: number;
  /** Keeps the division finite. Default 1e-8. */
  readonly epsilon?: number;
}

/** The largest f32: clipping to it changes nothing. */
const NO_LIMIT = 3.4028234e38;

/**
 * Adam (Kingma and Ba, 2015), with clipping by the global norm in the same kernel.
 *
 * A step whose gradients are not finite changes nothing: the norm is on the device, and nobody waits for it.
 */
export class Adam {
  readonly parameters: readonly Tensor[];
  /** Means of the gradients and of their squares, one of each per parameter. */
  readonly moments: readonly { readonly m: Tensor; readonly v: Tensor }[];
  readonly #options: Required<AdamOptions>;
  readonly #partials: Tensor;
  #steps = 0;

  /** Allocates the moments, zero. Make it outside any scope. */
  constructor(parameters: readonly Tensor[], options: AdamOptions = {}) {
    const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options;
    this.parameters = parameters;
    this.#options = { beta1, beta2, epsilon };
    this.moments = parameters.map((parameter) => ({ m: zerosLike(parameter), v: zerosLike(parameter) }));
    const slots = [parameters.length * SUM_SQUARES_CHUNKS];
    this.#partials = new Tensor(parameters[0].backend, slots, { label: "squares" });
  }

  /** Steps taken, skipped ones included; setting it resumes a run. */
  get steps(): number {
    return this.#steps;
  }
  set steps(steps: number) {
    this.#steps = steps;
  }

  /**
   * Moves the parameters against their gradients.
   *
   * @param grads One per parameter, in order.
   * @returns The norm of all gradients before clipping, shape []: not finite where the step was skipped.
   */
  step(grads: readonly Tensor[], { learningRate, clipNorm = NO_LIMIT }: AdamStep): Tensor {
    if (grads.length !== this.parameters.length) {
      throw new RangeError(
        `Cannot take a step: got ${grads.length} gradients for ${this.parameters.length} parameters`,
      );
    }
    this.#steps++;
    const norm = globalNorm(grads, this.#partials);
    const { beta1, beta2, epsilon } = this.#options;
    const params = {
      learning_rate: learningRate,
      beta1,
      beta2,
      decay1: 1 - beta1,
      decay2: 1 - beta2,
      epsilon,
      correction1: 1 / (1 - beta1 ** this.#steps),
      correction2: 1 / (1 - beta2 ** this.#steps),
      max_norm: Math.min(clipNorm, NO_LIMIT),
    };
    this.parameters.forEach((parameter, i) => {
      parameter.backend.run(adamKernel, {
        d_parameter: grads[i].storage,
        norm: norm.storage,
        parameter: parameter.storage,
        m: this.moments[i].m.storage,
        v: this.moments[i].v.storage,
      }, { count: parameter.length, ...params });
    });
    return norm;
  }

  dispose(): void {
    this.#partials.dispose();
    for (const { m, v } of this.moments) for (const tensor of [m, v]) tensor.dispose();
  }
}

/**
 * Square root of the sum of squares over all tensors, shape [].
 *
 * @param partials Room for {@linkcode SUM_SQUARES_CHUNKS} sums per tensor.
 */
export function globalNorm(tensors: readonly Tensor[], partials: Tensor): Tensor {
  const { backend } = partials;
  tensors.forEach((x, i) => {
    const offset = i * SUM_SQUARES_CHUNKS;
    backend.run(sumSquaresKernel, { x: x.storage, partials: partials.storage }, { count: x.length, offset });
  });
  const norm = new Tensor(backend, [], { label: "gradient norm" });
  const count = tensors.length * SUM_SQUARES_CHUNKS;
  backend.run(globalNormKernel, { partials: partials.storage, norm: norm.storage }, { count });
  return norm;
}

function zerosLike(parameter: Tensor): Tensor {
  const zeros = new Tensor(parameter.backend, parameter.shape, { label: `moment of ${parameter.label}` });
  parameter.backend.run(fillKernel, { y: zeros.storage }, { count: zeros.length, value: 0 });
  return zeros;
}
