// This module is browser compatible.
import { movingAverageKernel } from "../../kernels/moving_average.ts";
import { copied, copyInto } from "../ops/copy.ts";
import type { Tensor } from "../tensor.ts";

/**
 * Exponential moving averages of tensors: often a better model than the last step's.
 *
 * `average = decay · average + (1 - decay) · x` after each step. The decay starts small, (1 + t) / (10 + t) after t
 * steps, as TensorFlow's `ExponentialMovingAverage` has it: the first steps are soon forgotten.
 */
export class MovingAverage {
  /** One for each tensor, in order. */
  readonly averages: readonly Tensor[];
  readonly #tensors: readonly Tensor[];
  readonly #decay: number;

  /** Starts at the tensors' values. Make it outside any scope. */
  constructor(tensors: readonly Tensor[], decay: number) {
    if (!(decay > 0 && decay < 1)) {
      throw new RangeError(`Cannot average weights with decay ${decay}: it must lie between 0 and 1`);
    }
    this.#tensors = tensors;
    this.#decay = decay;
    this.averages = tensors.map((x) => copied(x, x.shape, { label: `average of ${x.label}` }));
  }

  /** @param step Steps taken so far, this one included. */
  update(step: number): void {
    const decay = Math.min(this.#decay, (1 + step) / (10 + step));
    this.#tensors.forEach((x, i) => {
      const buffers = { x: x.storage, average: this.averages[i].storage };
      x.backend.run(movingAverageKernel, buffers, { count: x.length, decay, share: 1 - decay });
    });
  }

  /** Exchanges tensors and averages; a second time undoes it. */
  swap(): void {
    this.#tensors.forEach((x, i) => {
      const kept = copied(x, x.shape, { label: `kept ${x.label}` });
      copyInto(x, this.averages[i]);
      copyInto(this.averages[i], kept);
      kept.dispose();
    });
  }

  dispose(): void {
    for (const average of this.averages) average.dispose();
  }
}
