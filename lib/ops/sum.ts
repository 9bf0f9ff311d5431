// This module is browser compatible.
/** Sums and means over axes. */

import { record } from "../record.ts";
import { type Shape, sizeOf, type Tensor } from "../tensor.ts";
import { resolveAxis } from "./axes.ts";
import { reduceAxes } from "./reduce.ts";
import { repeatTo } from "./strided.ts";
import { scale } from "./scale.ts";

/** Options of {@linkcode sum} and {@linkcode mean}. */
export interface ReduceOptions {
  /** Axes to reduce; negative ones count from the end. Default: all. */
  readonly axes?: readonly number[];
  /** Keep the reduced axes, with size 1. Default false. */
  readonly keepDims?: boolean;
}

/**
 * Sum over axes.
 *
 * @throws {RangeError} If x lacks one of the axes.
 */
export function sum(x: Tensor, options: ReduceOptions = {}): Tensor {
  return reduce("sum", x, options);
}

/**
 * Mean over axes.
 *
 * @throws {RangeError} If x lacks one of the axes.
 */
export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  return reduce("mean", x, options);
}

function reduce(action: "sum" | "mean", x: Tensor, { axes, keepDims = false }: ReduceOptions): Tensor {
  const reduced = new Set(
    axes?.map((axis) => resolveAxis(axis, x.shape, `${action} ${x}`)) ?? x.shape.keys(),
  );
  const kept: Shape = x.shape.map((size, axis) => reduced.has(axis) ? 1 : size);
  const shape = keepDims ? kept : x.shape.filter((_, axis) => !reduced.has(axis));
  const factor = action === "mean" ? sizeOf(kept) / x.length : 1;
  const y = reduceAxes(x, { axes: [...reduced].sort((a, b) => a - b), shape, scale: factor, label: action });
  return record(y, [x], ([dY]) => [
    repeatTo(factor === 1 ? dY! : scale(dY!, factor), { as: kept, shape: x.shape }),
  ]);
}
