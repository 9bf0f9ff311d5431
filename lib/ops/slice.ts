// This module is browser compatible.
import { record } from "../record.ts";
import { Tensor } from "../tensor.ts";
import { resolveAxis, rowMajorStrides } from "./axes.ts";
import { zeros } from "./filled.ts";
import { copyStrided } from "./strided.ts";

/** Options of {@linkcode slice}. */
export interface SliceOptions {
  /** Axis to cut along; negative ones count from the end. */
  readonly axis: number;
  /** First index kept. */
  readonly start: number;
  /** Indices kept. */
  readonly length: number;
}

/**
 * A piece of a tensor: the indices `start` to `start + length - 1` along one axis, all along the others.
 *
 * @throws {RangeError} If the piece is not inside.
 */
export function slice(x: Tensor, { axis, start, length }: SliceOptions): Tensor {
  const at = resolveAxis(axis, x.shape, `slice ${x}`);
  if (![start, length].every(Number.isInteger) || start < 0 || length < 1 || start + length > x.shape[at]) {
    throw new RangeError(
      `Cannot slice ${x} along axis ${axis}: ${length} from ${start} on do not lie within its ${x.shape[at]}`,
    );
  }
  const strides = rowMajorStrides(x.shape);
  const y = new Tensor(x.backend, x.shape.with(at, length), { type: x.type, label: "slice" });
  const yStrides = rowMajorStrides(y.shape);
  const offset = start * strides[at];
  copyStrided(x, y, { sizes: y.shape, xStrides: strides, xOffset: offset, yStrides });
  return record(y, [x], ([dY]) => {
    const dX = zeros(x.backend, x.shape, { type: x.type, label: "d_x" });
    copyStrided(dY!, dX, { sizes: y.shape, xStrides: yStrides, yStrides: strides, yOffset: offset });
    return [dX];
  });
}
