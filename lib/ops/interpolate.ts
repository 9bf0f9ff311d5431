// This module is browser compatible.
import { resizeAxisBackwardKernel, resizeAxisKernel } from "../../kernels/resize_axis.ts";
import { record } from "../record.ts";
import { sizeOf, Tensor } from "../tensor.ts";
import { featureMap } from "./feature_map.ts";

/**
 * Resizes feature maps with the antialiased triangle filter ("bilinear"), columns first and then rows.
 *
 * With `r = in / out` and `s = max(r, 1)`, input j has weight `max(0, 1 - |j + 0.5 - r (i + 0.5)| / s)` in output i,
 * divided by the sum over the inputs there are.
 *
 * @param x [B, h, w, C].
 * @param size Rows and columns of the result, [oh, ow].
 * @returns [B, oh, ow, C].
 * @throws {RangeError} If x is no feature map or the size is not of whole numbers.
 */
export function interpolate(x: Tensor, size: readonly [rows: number, columns: number]): Tensor {
  featureMap(x, "interpolate");
  return resizeAxis(resizeAxis(x, { axis: 2, size: size[1] }), { axis: 1, size: size[0] });
}

function resizeAxis(x: Tensor, { axis, size }: { axis: number; size: number }): Tensor {
  if (x.shape[axis] === size) return x; // every weight is 1
  const { backend } = x;
  const y = new Tensor(backend, x.shape.with(axis, size), { type: x.type, label: "interpolate" });
  const params = {
    outer: sizeOf(x.shape.slice(0, axis)),
    in_size: x.shape[axis],
    out_size: size,
    inner: sizeOf(x.shape.slice(axis + 1)),
  };
  backend.run(resizeAxisKernel, { x: x.storage, y: y.storage }, params);
  return record(y, [x], ([dY]) => {
    const dX = new Tensor(backend, x.shape, { type: x.type, label: "d_x" });
    backend.run(resizeAxisBackwardKernel, { d_y: dY!.storage, d_x: dX.storage }, params);
    return [dX];
  });
}
