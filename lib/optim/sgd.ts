// This module is browser compatible.
import { sgdKernel } from "../../kernels/sgd.ts";
import type { Tensor } from "../tensor.ts";
import { checkGradients, NO_LIMIT, type Optimiser, type OptimiserStep, zerosLike } from "./optimiser.ts";

/** Options of {@linkcode Sgd}. */
export interface SgdOptions {
  /** Share of the last step that goes on. Default 0. */
  readonly momentum?: number;
  /** Pulls the parameters towards 0, as part of the gradient. Default 0. */
  readonly weightDecay?: number;
}

/** Gradient descent with momentum, as `torch.optim.SGD` has it without dampening. */
export class Sgd implements Optimiser {
  readonly parameters: readonly Tensor[];
  steps = 0;
  readonly #velocities: readonly Tensor[];
  readonly #options: Required<SgdOptions>;

  /** Allocates the velocities, zero. Make it outside any scope. */
  constructor(parameters: readonly Tensor[], { momentum = 0, weightDecay = 0 }: SgdOptions = {}) {
    this.parameters = parameters;
    this.#options = { momentum, weightDecay };
    this.#velocities = parameters.map((parameter) => zerosLike(parameter, "velocity"));
  }

  get state(): Readonly<Record<string, readonly Tensor[]>> {
    return { velocity: this.#velocities };
  }

  apply(grads: readonly Tensor[], { learningRate, factor, clipValue = NO_LIMIT }: OptimiserStep): void {
    checkGradients(this.parameters, grads);
    this.steps++;
    const { momentum, weightDecay } = this.#options;
    this.parameters.forEach((parameter, i) => {
      parameter.backend.run(sgdKernel, {
        d_parameter: grads[i].storage,
        factor: factor.storage,
        parameter: parameter.storage,
        velocity: this.#velocities[i].storage,
      }, {
        count: parameter.length,
        learning_rate: learningRate,
        momentum,
        max_value: Math.min(clipValue, NO_LIMIT),
        l2: weightDecay,
      });
    });
  }

  dispose(): void {
    for (const velocity of this.#velocities) velocity.dispose();
  }
}
