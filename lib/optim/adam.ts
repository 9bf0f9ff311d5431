// This module is browser compatible.
import { adamKernel } from "../../kernels/adam.ts";
import type { Tensor } from "../tensor.ts";
import {
  checkGradients,
  type Clipping,
  GradientNorm,
  NO_LIMIT,
  type Optimiser,
  type OptimiserStep,
  zerosLike,
} from "./optimiser.ts";

/** Options of {@linkcode Adam.step}. */
export interface AdamStep extends Clipping {
  readonly learningRate: number;
}

/** Options of {@linkcode Adam}. */
export interface AdamOptions {
  /** Decay of the mean of gradients. Default 0.9. */
  readonly beta1?: number;
  /** Decay of the mean of their squares. Default 0.999. */
  readonly beta2?: number;
  /** Keeps the division finite. Default 1e-8. */
  readonly epsilon?: number;
  /** Pulls the parameters towards 0. Default 0. */
  readonly weightDecay?: number;
  /**
   * True: the pull is a share of the parameter beside the step, AdamW (Loshchilov and Hutter, 2019). False: it is part
   * of the gradient, as `torch.optim.Adam` has it. Default false.
   */
  readonly decoupled?: boolean;
}

/**
 * Adam (Kingma and Ba, 2015) and AdamW, with clipping in the same kernel.
 *
 * A step whose gradients are not finite changes nothing: the norm is on the device, and nobody waits for it.
 */
export class Adam implements Optimiser {
  readonly parameters: readonly Tensor[];
  /** Means of the gradients and of their squares, one of each per parameter. */
  readonly moments: readonly { readonly m: Tensor; readonly v: Tensor }[];
  steps = 0;
  readonly #options: Required<AdamOptions>;
  readonly #norm: GradientNorm;

  /** Allocates the moments, zero. Make it outside any scope. */
  constructor(parameters: readonly Tensor[], options: AdamOptions = {}) {
    const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0, decoupled = false } = options;
    this.parameters = parameters;
    this.#options = { beta1, beta2, epsilon, weightDecay, decoupled };
    this.moments = parameters.map((parameter) => ({
      m: zerosLike(parameter, "moment"),
      v: zerosLike(parameter, "moment"),
    }));
    this.#norm = new GradientNorm(parameters[0].backend, parameters.length);
  }

  get state(): Readonly<Record<string, readonly Tensor[]>> {
    return { m: this.moments.map(({ m }) => m), v: this.moments.map(({ v }) => v) };
  }

  /**
   * Moves the parameters against their gradients, which are all there are.
   *
   * @param grads One per parameter, in order.
   * @returns The norm of all gradients before clipping, shape []: not finite where the step was skipped.
   */
  step(grads: readonly Tensor[], { learningRate, clipNorm, clipValue }: AdamStep): Tensor {
    checkGradients(this.parameters, grads);
    const { norm, factor } = this.#norm.measure(grads, clipNorm);
    this.apply(grads, { learningRate, factor, clipValue });
    factor.dispose();
    return norm;
  }

  apply(grads: readonly Tensor[], { learningRate, factor, clipValue = NO_LIMIT }: OptimiserStep): void {
    checkGradients(this.parameters, grads);
    this.steps++;
    const { beta1, beta2, epsilon, weightDecay, decoupled } = this.#options;
    const params = {
      learning_rate: learningRate,
      beta1,
      beta2,
      decay1: 1 - beta1,
      decay2: 1 - beta2,
      epsilon,
      correction1: 1 / (1 - beta1 ** this.steps),
      correction2: 1 / (1 - beta2 ** this.steps),
      max_value: Math.min(clipValue, NO_LIMIT),
      l2: decoupled ? 0 : weightDecay,
      keep: decoupled ? 1 - learningRate * weightDecay : 1,
    };
    this.parameters.forEach((parameter, i) => {
      parameter.backend.run(adamKernel, {
        d_parameter: grads[i].storage,
        factor: factor.storage,
        parameter: parameter.storage,
        m: this.moments[i].m.storage,
        v: this.moments[i].v.storage,
      }, { count: parameter.length, ...params });
    });
  }

  dispose(): void {
    this.#norm.dispose();
    for (const { m, v } of this.moments) for (const tensor of [m, v]) tensor.dispose();
  }
}
