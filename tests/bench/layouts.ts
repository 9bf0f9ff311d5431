// This module is browser compatible.
/** Numbers from one order of axes to another, on the host: peers that want channels first get them so. */

import { lengthOf } from "../../lib/bench/work.ts";

/** The axes of a channels-last picture in channels-first order, and back; the same for weights. */
export const ORDER = {
  toChannelsFirst: [0, 3, 1, 2],
  toChannelsLast: [0, 2, 3, 1],
  /** [kh, kw, Cin, Cout] → [Cout, Cin, kh, kw]. */
  toOutputsFirst: [3, 2, 0, 1],
  /** [Cout, Cin, kh, kw] → [kh, kw, Cin, Cout]. */
  toOutputsLast: [2, 3, 1, 0],
} as const;

/** Numbers with their shape. */
export interface Shaped {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** Axis i of the result is axis `order[i]` of what is given. */
export function permuted(
  data: ArrayLike<number>,
  shape: readonly number[],
  order: readonly number[],
): Shaped {
  const strides = shape.map((_, axis) => lengthOf(shape.slice(axis + 1)));
  const outer = order.map((axis) => shape[axis]);
  const steps = order.map((axis) => strides[axis]);
  const result = new Float32Array(data.length);
  const index = order.map(() => 0);
  let from = 0;
  for (let to = 0; to < result.length; to++) {
    result[to] = data[from];
    for (let axis = outer.length - 1; axis >= 0; axis--) {
      from += steps[axis];
      if (++index[axis] < outer[axis]) break;
      from -= steps[axis] * outer[axis];
      index[axis] = 0;
    }
  }
  return { data: result, shape: outer };
}
