// This module is browser compatible.
/** Copies between strided places. Not recorded: for the insides of ops. */

import { stridedCopyKernel } from "../../kernels/strided_copy.ts";
import { type Shape, Tensor } from "../tensor.ts";
import { MAX_AXES, mergeAxes, padAxes, rowMajorStrides } from "./axes.ts";
import { stridesIn } from "./broadcast.ts";

/** What {@linkcode copyStrided} copies. Strides and offsets in elements. */
export interface StridedCopy {
  /** The block to copy. */
  readonly sizes: Shape;
  readonly xStrides: readonly number[];
  readonly yStrides: readonly number[];
  /** Defaults 0. */
  readonly xOffset?: number;
  readonly yOffset?: number;
}

/**
 * Copies a block from x into y.
 *
 * @throws {RangeError} If it has more than five axes that cannot be merged.
 */
export function copyStrided(x: Tensor, y: Tensor, copy: StridedCopy): void {
  const block = mergeAxes({ sizes: copy.sizes, a: copy.xStrides, b: copy.yStrides });
  if (block.sizes.length > MAX_AXES) {
    throw new RangeError(
      `Cannot rearrange ${x}: the copy walks ${block.sizes.length} axes, at most ${MAX_AXES} are possible`,
    );
  }
  const sizes = padAxes(block.sizes, 1);
  const from = padAxes(block.a, 0);
  const to = padAxes(block.b, 0);
  x.backend.run(stridedCopyKernel, { x: x.storage, y: y.storage }, {
    x_offset: copy.xOffset ?? 0,
    y_offset: copy.yOffset ?? 0,
    size_0: sizes[0],
    size_1: sizes[1],
    size_2: sizes[2],
    size_3: sizes[3],
    size_4: sizes[4],
    x_stride_0: from[0],
    x_stride_1: from[1],
    x_stride_2: from[2],
    x_stride_3: from[3],
    x_stride_4: from[4],
    y_stride_0: to[0],
    y_stride_1: to[1],
    y_stride_2: to[2],
    y_stride_3: to[3],
    y_stride_4: to[4],
  });
}

/** x, read as the shape `as`, repeated along that shape's axes of size 1 until it has `shape`. */
export function repeatTo(x: Tensor, { as, shape }: { readonly as: Shape; readonly shape: Shape }): Tensor {
  const y = new Tensor(x.backend, shape, { type: x.type, label: "repeat" });
  copyStrided(x, y, { sizes: shape, xStrides: stridesIn(as, shape), yStrides: rowMajorStrides(shape) });
  return y;
}
