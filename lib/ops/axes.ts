// This module is browser compatible.
/** Strides, and shapes with fewer axes that mean the same. */

import type { Shape } from "../tensor.ts";

/** The most axes that kernels with strides loop over, once those that can be merged are. */
export const MAX_AXES = 5;

/** Elements from one index to the next along each axis of a row-major tensor. */
export function rowMajorStrides(shape: Shape): number[] {
  const strides: number[] = [];
  let stride = 1;
  for (const size of shape.toReversed()) {
    strides.unshift(stride);
    stride *= size;
  }
  return strides;
}

/**
 * Turns an axis into one counted from 0; -1 is the last.
 *
 * @param action For the error, as "sum x [2, 3]".
 * @throws {RangeError} If there is no such axis.
 */
export function resolveAxis(axis: number, shape: Shape, action: string): number {
  const at = axis < 0 ? shape.length + axis : axis;
  if (!(at in shape)) {
    throw new RangeError(
      `Cannot ${action} along axis ${axis}: the axes are 0 to ${shape.length - 1}, or -1 for the last`,
    );
  }
  return at;
}

/** A block of indices and two ways to walk it. */
export interface StridedBlock {
  /** Sizes, slowest first. */
  readonly sizes: readonly number[];
  /** Elements from one index to the next, in one tensor and in the other; 0 repeats. */
  readonly a: readonly number[];
  readonly b: readonly number[];
}

/** The same walk over as few axes as possible: axes of size 1 go, and neighbours that continue each other merge. */
export function mergeAxes({ sizes, a, b }: StridedBlock): StridedBlock {
  const merged = { sizes: [] as number[], a: [] as number[], b: [] as number[] };
  for (let axis = 0; axis < sizes.length; axis++) {
    if (sizes[axis] === 1) continue;
    const last = merged.sizes.length - 1;
    const continues = last >= 0 &&
      merged.a[last] === a[axis] * sizes[axis] && merged.b[last] === b[axis] * sizes[axis];
    if (continues) {
      merged.sizes[last] *= sizes[axis];
      merged.a[last] = a[axis];
      merged.b[last] = b[axis];
    } else {
      merged.sizes.push(sizes[axis]);
      merged.a.push(a[axis]);
      merged.b.push(b[axis]);
    }
  }
  return merged;
}

/** `values` with `filler` in front, up to {@linkcode MAX_AXES} of them, for a kernel's numbered parameters. */
export function padAxes(values: readonly number[], filler: number): number[] {
  return [...Array(MAX_AXES - values.length).fill(filler), ...values];
}
