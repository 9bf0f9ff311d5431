// This module is browser compatible.
/** Pooling with a square window that slides over a feature map. */

import { avgPool2dBackwardKernel, avgPool2dKernel } from "../../kernels/avg_pool2d.ts";
import { maxPool2dBackwardKernel, maxPool2dKernel } from "../../kernels/max_pool2d.ts";
import { record } from "../record.ts";
import { Tensor } from "../tensor.ts";
import { featureMap, windowPositions } from "./feature_map.ts";

/** Options of both poolings. */
export interface PoolOptions {
  /** Rows and columns of the window. */
  readonly kernel: number;
  /** Rows or columns from one window to the next. Default: the kernel. */
  readonly stride?: number;
  /** Rows and columns added on each side, at most half the kernel. Default 0. */
  readonly padding?: number;
}

/** Options of {@linkcode maxPool2d}. */
export interface MaxPoolOptions extends PoolOptions {
  /** A last window that reaches beyond the map counts too, as Caffe has it. Default false. */
  readonly ceil?: boolean;
}

/**
 * Largest value of each window.
 *
 * The first maximum in row-major order takes the whole gradient. Padding counts as −∞.
 *
 * @param x [B, h, w, C].
 * @returns [B, oh, ow, C] with `oh = floor((h + 2 padding - kernel) / stride) + 1`; with `ceil` rounded up, unless
 * the last window would see padding alone.
 * @throws {RangeError} If x is no feature map or the window does not fit.
 */
export function maxPool2d(x: Tensor, options: MaxPoolOptions): Tensor {
  const { params, shape } = poolShape(x, options);
  const { backend } = x;
  const y = new Tensor(backend, shape, { type: x.type, label: "max_pool2d" });
  const place = new Tensor(backend, shape, { type: "u32", label: "place" });
  backend.run(maxPool2dKernel, { x: x.storage, y: y.storage, place: place.storage }, params);
  return record(y, [x], ([dY]) => {
    const dX = new Tensor(backend, x.shape, { type: x.type, label: "d_x" });
    const buffers = { place: place.storage, d_y: dY!.storage, d_x: dX.storage };
    backend.run(maxPool2dBackwardKernel, buffers, params);
    return [dX];
  });
}

/**
 * Mean of each window. Padding counts as zeros, in the divisor too.
 *
 * @param x [B, h, w, C].
 * @returns [B, oh, ow, C] with `oh = floor((h + 2 padding - kernel) / stride) + 1`.
 * @throws {RangeError} If x is no feature map or the window does not fit.
 */
export function avgPool2d(x: Tensor, options: PoolOptions): Tensor {
  const { params, shape } = poolShape(x, options);
  const { backend } = x;
  const y = new Tensor(backend, shape, { type: x.type, label: "avg_pool2d" });
  backend.run(avgPool2dKernel, { x: x.storage, y: y.storage }, params);
  return record(y, [x], ([dY]) => {
    const dX = new Tensor(backend, x.shape, { type: x.type, label: "d_x" });
    backend.run(avgPool2dBackwardKernel, { d_y: dY!.storage, d_x: dX.storage }, params);
    return [dX];
  });
}

function poolShape(x: Tensor, { kernel, stride = kernel, padding = 0, ceil = false }: MaxPoolOptions) {
  const { batch, height, width, channels } = featureMap(x, "pool");
  if (padding > kernel / 2) {
    throw new RangeError(`Cannot pool ${x}: padding ${padding} is more than half the kernel's ${kernel}`);
  }
  const positions = (size: number) => {
    const count = windowPositions(size, { kernel, stride, padding }, `pool ${x}`);
    // Another window begins inside the map (or the padding before it), and the last one left something over.
    const more = ceil && count * stride < size + padding && (size + 2 * padding - kernel) % stride > 0;
    return more ? count + 1 : count;
  };
  const [outHeight, outWidth] = [positions(height), positions(width)];
  const params = {
    batch,
    in_height: height,
    in_width: width,
    channels,
    out_height: outHeight,
    out_width: outWidth,
    kernel,
    stride,
    padding,
  };
  return { params, shape: [batch, outHeight, outWidth, channels] };
}
