// This module is browser compatible.
import { record } from "../record.ts";
import { Tensor } from "../tensor.ts";
import { rowMajorStrides } from "./axes.ts";
import { copyStrided } from "./strided.ts";

/**
 * Axes in another order: axis i of the result is axis `order[i]` of x.
 *
 * @param order Default: reversed, so that a matrix is transposed.
 * @throws {RangeError} If the order does not name each axis once.
 */
export function transpose(
  x: Tensor,
  order: readonly number[] = [...x.shape.keys()].reverse(),
): Tensor {
  if (order.toSorted((a, b) => a - b).join() !== [...x.shape.keys()].join()) {
    throw new RangeError(
      `Cannot transpose ${x} to the order [${order.join(", ")}]: it must name each axis from 0 to ` +
        `${x.shape.length - 1} once`,
    );
  }
  const strides = rowMajorStrides(x.shape);
  const y = new Tensor(x.backend, order.map((axis) => x.shape[axis]), { type: x.type, label: "transpose" });
  copyStrided(x, y, {
    sizes: y.shape,
    xStrides: order.map((axis) => strides[axis]),
    yStrides: rowMajorStrides(y.shape),
  });
  const back = [...order.keys()].sort((a, b) => order[a] - order[b]); // the inverse order
  return record(y, [x], ([dY]) => [transpose(dY!, back)]);
}
