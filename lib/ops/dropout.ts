// This module is browser compatible.
import { dropoutKernel } from "../../kernels/dropout.ts";
import { record } from "../record.ts";
import { Tensor } from "../tensor.ts";

/** Options of {@linkcode dropout}. */
export interface DropoutOptions {
  /** Probability with which an element becomes 0, at least 0 and below 1. */
  readonly rate: number;
  /** A u32 that names the mask: `hash32(seed, step, …)`. The same one gives the same mask, on every device. */
  readonly seed: number;
  /**
   * Index of the first element, where x is a part of a larger whole. Default 0.
   *
   * A mask then depends on the whole alone, not on how it is cut into batches.
   */
  readonly offset?: number;
}

/**
 * Sets elements to 0 at random and divides the others by `1 - rate`, so that the expectation stays.
 *
 * Nothing is kept for the gradient: it draws the same mask again.
 *
 * @throws {RangeError} If the rate is not in [0, 1).
 */
export function dropout(x: Tensor, options: DropoutOptions): Tensor {
  const { rate } = options;
  if (!(rate >= 0 && rate < 1)) {
    throw new RangeError(`Cannot drop elements of ${x} with rate ${rate}: it must be at least 0 and below 1`);
  }
  if (rate === 0) return x;
  return record(masked(x, options), [x], ([dY]) => [masked(dY!, options)]);
}

function masked(x: Tensor, { rate, seed, offset = 0 }: DropoutOptions): Tensor {
  const y = new Tensor(x.backend, x.shape, { label: "dropout" });
  x.backend.run(dropoutKernel, { x: x.storage, y: y.storage }, {
    count: y.length,
    seed: seed >>> 0,
    offset: offset >>> 0,
    threshold: Math.round(rate * 2 ** 24),
    scale: 1 / (1 - rate),
  });
  return y;
}
