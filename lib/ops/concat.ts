// This module is browser compatible.
import { record } from "../record.ts";
import { Tensor } from "../tensor.ts";
import { resolveAxis, rowMajorStrides } from "./axes.ts";
import { copyStrided } from "./strided.ts";

/**
 * Tensors one after another along an axis.
 *
 * @param tensors At least one; their shapes differ along that axis alone.
 * @param axis Negative ones count from the end. Default -1: the last.
 * @throws {RangeError} If there are none or their shapes do not fit.
 */
export function concat(tensors: readonly Tensor[], axis = -1): Tensor {
  if (tensors.length === 0) throw new RangeError("Cannot concatenate no tensors: give at least one");
  const [first] = tensors;
  const names = tensors.join(", ");
  const at = resolveAxis(axis, first.shape, `concatenate ${names}`);
  for (const { shape } of tensors) {
    const fits = shape.length === first.shape.length &&
      shape.every((size, i) => i === at || size === first.shape[i]);
    if (!fits) {
      throw new RangeError(
        `Cannot concatenate ${names} along axis ${axis}: their other axes must have the same sizes`,
      );
    }
  }
  const total = tensors.reduce((sum, { shape }) => sum + shape[at], 0);
  const y = new Tensor(first.backend, first.shape.with(at, total), { type: first.type, label: "concat" });
  const yStrides = rowMajorStrides(y.shape);
  let start = 0;
  const pieces = tensors.map(({ shape }) => {
    const offset = start * yStrides[at];
    start += shape[at];
    return { sizes: shape, strides: rowMajorStrides(shape), offset };
  });
  pieces.forEach(({ sizes, strides, offset }, i) =>
    copyStrided(tensors[i], y, { sizes, xStrides: strides, yStrides, yOffset: offset })
  );
  return record(y, tensors, ([dY], needed) =>
    pieces.map(({ sizes, strides, offset }, i) => {
      if (!needed[i]) return undefined;
      const dX = new Tensor(first.backend, sizes, { type: first.type, label: "d_x" });
      copyStrided(dY!, dX, { sizes, xStrides: yStrides, xOffset: offset, yStrides: strides });
      return dX;
    }));
}
