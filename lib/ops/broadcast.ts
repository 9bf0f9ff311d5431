// This module is browser compatible.
/** Broadcasting: shapes are aligned at their last axes, and an axis of size 1, or none, repeats. */

import { binaryKernel, OPERATIONS } from "../../kernels/binary.ts";
import { type Shape, sizeOf, Tensor } from "../tensor.ts";
import { MAX_AXES, mergeAxes, padAxes, rowMajorStrides } from "./axes.ts";
import { reduceAxes } from "./reduce.ts";

/**
 * Runs `a ∘ b` elementwise with broadcasting. Not recorded: for the insides of ops.
 *
 * @throws {RangeError} If the shapes do not fit, or have more than five axes that cannot be merged.
 */
export function binary(operation: keyof typeof OPERATIONS, a: Tensor, b: Tensor): Tensor {
  const shape = broadcastShape(operation, a, b);
  const y = new Tensor(a.backend, shape, { type: a.type, label: operation });
  const block = mergeAxes({ sizes: shape, a: stridesIn(a.shape, shape), b: stridesIn(b.shape, shape) });
  if (block.sizes.length > MAX_AXES) {
    throw new RangeError(
      `Cannot ${operation} ${a} and ${b}: broadcasting walks ${block.sizes.length} axes, at most ${MAX_AXES} are possible`,
    );
  }
  const sizes = padAxes(block.sizes, 1);
  const strideA = padAxes(block.a, 0);
  const strideB = padAxes(block.b, 0);
  a.backend.run(binaryKernel, { a: a.storage, b: b.storage, y: y.storage }, {
    operation: OPERATIONS[operation],
    count: y.length,
    period: a.length === y.length && isSuffix(b.shape, shape) ? b.length : 0,
    size_0: sizes[0],
    size_1: sizes[1],
    size_2: sizes[2],
    size_3: sizes[3],
    size_4: sizes[4],
    a_stride_0: strideA[0],
    a_stride_1: strideA[1],
    a_stride_2: strideA[2],
    a_stride_3: strideA[3],
    a_stride_4: strideA[4],
    b_stride_0: strideB[0],
    b_stride_1: strideB[1],
    b_stride_2: strideB[2],
    b_stride_3: strideB[3],
    b_stride_4: strideB[4],
  });
  return y;
}

/** The gradient of a broadcast: sums `dY` over the axes along which a tensor of `shape` was repeated. */
export function sumToShape(dY: Tensor, shape: Shape): Tensor {
  if (dY.length === sizeOf(shape)) return sameShape(dY.shape, shape) ? dY : dY.view(shape);
  const missing = dY.shape.length - shape.length;
  const axes = dY.shape.flatMap((size, axis) =>
    axis < missing || (shape[axis - missing] === 1 && size > 1) ? [axis] : []
  );
  return reduceAxes(dY, { axes, shape, scale: 1, label: "d_x" });
}

/** Whether two shapes are the same. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

function broadcastShape(action: string, a: Tensor, b: Tensor): Shape {
  const axes = Math.max(a.shape.length, b.shape.length);
  return Array.from({ length: axes }, (_, axis) => {
    const sizeA = a.shape[axis - axes + a.shape.length] ?? 1;
    const sizeB = b.shape[axis - axes + b.shape.length] ?? 1;
    if (sizeA !== sizeB && sizeA !== 1 && sizeB !== 1) {
      throw new RangeError(
        `Cannot ${action} ${a} and ${b}: counted from the last, each axis must have the same size in both or ` +
          `size 1 in one, got ${sizeA} and ${sizeB}`,
      );
    }
    return Math.max(sizeA, sizeB);
  });
}

/** Strides of a tensor of shape `own` when read as `shape`: 0 where it repeats. */
export function stridesIn(own: Shape, shape: Shape): number[] {
  const strides = rowMajorStrides(own);
  const missing = shape.length - own.length;
  return shape.map((size, axis) =>
    axis < missing || (own[axis - missing] === 1 && size > 1) ? 0 : strides[axis - missing]
  );
}

/** Whether `own`, less its leading ones, is the end of `shape`: then its numbers repeat one after another. */
function isSuffix(own: Shape, shape: Shape): boolean {
  const first = own.findIndex((size) => size > 1);
  const tail = first < 0 ? [] : own.slice(first);
  return sameShape(tail, shape.slice(shape.length - tail.length));
}
