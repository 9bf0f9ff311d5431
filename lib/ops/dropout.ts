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
   * Where x [..., N, C] holds some rows of a larger whole [..., rows, C]: how many rows that has, and which of them is
   * x's first. Default: x is the whole.
   *
   * The mask is then the whole's, however it is cut into parts.
   */
  readonly whole?: { readonly rows: number; readonly first: number };
}

/**
 * Sets elements to 0 at random and divides the others by `1 - rate`, so that the expectation stays.
 *
 * Nothing is kept for the gradient: it draws the same mask again.
 *
 * @throws {RangeError} If the rate is not in [0, 1), or the whole has no such rows.
 */
export function dropout(x: Tensor, options: DropoutOptions): Tensor {
  const { rate, whole } = options;
  if (!(rate >= 0 && rate < 1)) {
    throw new RangeError(`Cannot drop elements of ${x} with rate ${rate}: it must be at least 0 and below 1`);
  }
  const rows = x.shape.at(-2) ?? 1;
  if (whole && !(whole.first >= 0 && whole.first + rows <= whole.rows)) {
    throw new RangeError(
      `Cannot drop elements of ${x} as rows ${whole.first} to ${whole.first + rows - 1} of a whole: ` +
        `it has ${whole.rows} rows`,
    );
  }
  if (rate === 0) return x;
  return record(masked(x, options), [x], ([dY]) => [masked(dY!, options)]);
}

function masked(x: Tensor, { rate, seed, whole }: DropoutOptions): Tensor {
  const columns = x.shape.at(-1) ?? 1;
  const rows = x.shape.at(-2) ?? 1;
  const y = new Tensor(x.backend, x.shape, { type: x.type, label: "dropout" });
  x.backend.run(dropoutKernel, { x: x.storage, y: y.storage }, {
    count: y.length,
    seed: seed >>> 0,
    offset: (whole?.first ?? 0) * columns >>> 0,
    block: rows * columns,
    stride: (whole?.rows ?? rows) * columns,
    threshold: Math.round(rate * 2 ** 24),
    scale: 1 / (1 - rate),
  });
  return y;
}
