// This module is browser compatible.
/** What moves parameters against their gradients, and the norm that decides how far. */

import { globalNormKernel, SUM_SQUARES_CHUNKS, sumSquaresKernel } from "../../kernels/adam.ts";
import type { Backend } from "../backend/backend.ts";
import { filled, zeros } from "../ops/filled.ts";
import { Tensor } from "../tensor.ts";

/** The largest f32: clipping to it changes nothing. */
export const NO_LIMIT = 3.4028234e38;

/** How far gradients may go. */
export interface Clipping {
  /** Largest global norm of the gradients; larger ones are scaled down to it. Default: no limit. */
  readonly clipNorm?: number;
  /** Largest absolute value of each number of a gradient, after the norm has been clipped. Default: no limit. */
  readonly clipValue?: number;
}

/** Options of {@linkcode Optimiser.apply}. */
export interface OptimiserStep {
  readonly learningRate: number;
  /** From {@linkcode GradientNorm.measure}: what the gradients are multiplied with, negative for no step [1]. */
  readonly factor: Tensor;
  /** See {@linkcode Clipping}. */
  readonly clipValue?: number;
}

/** Moves a list of parameters. */
export interface Optimiser {
  readonly parameters: readonly Tensor[];
  /** Steps taken, skipped ones included; setting it resumes a run. */
  steps: number;
  /** What it remembers between steps: by name, one tensor per parameter. */
  readonly state: Readonly<Record<string, readonly Tensor[]>>;
  /** Moves the parameters, given one gradient each, in order. */
  apply(grads: readonly Tensor[], options: OptimiserStep): void;
  dispose(): void;
}

/** The norm of all gradients of a step. */
export class GradientNorm {
  readonly #partials: Tensor;
  readonly #lossScale: Tensor;
  readonly #ownsScale: boolean;

  /**
   * Make it outside any scope.
   *
   * @param most Tensors at most.
   * @param lossScale What the loss was multiplied with [1 or more, the first counts]. Default: 1.
   */
  constructor(backend: Backend, most: number, lossScale?: Tensor) {
    this.#partials = new Tensor(backend, [most * SUM_SQUARES_CHUNKS], { label: "squares" });
    this.#ownsScale = lossScale === undefined;
    this.#lossScale = lossScale ?? filled(backend, [1], 1, { label: "loss scale" });
  }

  /**
   * Measures gradients on the device; nobody waits.
   *
   * @returns `norm` of the true gradients before clipping, shape [], not finite where no step is to be taken; and
   * the `factor` for {@linkcode Optimiser.apply} [1], which undoes the loss scale and clips.
   */
  measure(grads: readonly Tensor[], clipNorm = NO_LIMIT): { readonly norm: Tensor; readonly factor: Tensor } {
    const { backend } = this.#partials;
    grads.forEach((x, i) => {
      const slots = { count: x.length, offset: i * SUM_SQUARES_CHUNKS };
      backend.run(sumSquaresKernel, { x: x.storage, partials: this.#partials.storage }, slots);
    });
    const norm = new Tensor(backend, [], { label: "gradient norm" });
    const factor = new Tensor(backend, [1], { label: "gradient factor" });
    backend.run(globalNormKernel, {
      partials: this.#partials.storage,
      loss_scale: this.#lossScale.storage,
      norm: norm.storage,
      factor: factor.storage,
    }, { count: grads.length * SUM_SQUARES_CHUNKS, max_norm: Math.min(clipNorm, NO_LIMIT) });
    return { norm, factor };
  }

  dispose(): void {
    this.#partials.dispose();
    if (this.#ownsScale) this.#lossScale.dispose();
  }
}

/** @throws {RangeError} If there is not one gradient for each parameter. */
export function checkGradients(parameters: readonly Tensor[], grads: readonly Tensor[]): void {
  if (grads.length !== parameters.length) {
    throw new RangeError(
      `Cannot take a step: got ${grads.length} gradients for ${parameters.length} parameters`,
    );
  }
}

/** A tensor like a parameter, zero. */
export function zerosLike(parameter: Tensor, label: string): Tensor {
  return zeros(parameter.backend, parameter.shape, { label: `${label} of ${parameter.label}` });
}
