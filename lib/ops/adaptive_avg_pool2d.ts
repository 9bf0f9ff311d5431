// This module is browser compatible.
import {
  adaptiveAvgPool2dBackwardKernel,
  adaptiveAvgPool2dKernel,
} from "../../kernels/adaptive_avg_pool2d.ts";
import { record } from "../record.ts";
import { Tensor } from "../tensor.ts";
import { featureMap } from "./feature_map.ts";
import { mean } from "./sum.ts";

/**
 * Means over a grid of windows that covers a map of any size; windows overlap where sizes do not divide.
 *
 * Output row i is the mean of the rows `floor(i h / oh)` to `ceil((i + 1) h / oh) - 1`; columns alike.
 *
 * @param x [B, h, w, C].
 * @param size Rows and columns of the result, [oh, ow].
 * @returns [B, oh, ow, C].
 * @throws {RangeError} If x is no feature map or the size is not of whole numbers.
 */
export function adaptiveAvgPool2d(x: Tensor, size: readonly [rows: number, columns: number]): Tensor {
  const { batch, height, width, channels } = featureMap(x, "pool");
  const [outHeight, outWidth] = size;
  const y = new Tensor(x.backend, [batch, outHeight, outWidth, channels], {
    type: x.type,
    label: "adaptive_avg_pool2d",
  });
  const params = {
    batch,
    in_height: height,
    in_width: width,
    channels,
    out_height: outHeight,
    out_width: outWidth,
  };
  x.backend.run(adaptiveAvgPool2dKernel, { x: x.storage, y: y.storage }, params);
  return record(y, [x], ([dY]) => {
    const dX = new Tensor(x.backend, x.shape, { type: x.type, label: "d_x" });
    x.backend.run(adaptiveAvgPool2dBackwardKernel, { d_y: dY!.storage, d_x: dX.storage }, params);
    return [dX];
  });
}

/**
 * Mean over all rows and columns: [B, h, w, C] → [B, C].
 *
 * @throws {RangeError} If x is no feature map.
 */
export function globalAvgPool(x: Tensor): Tensor {
  featureMap(x, "pool");
  return mean(x, { axes: [1, 2] });
}
