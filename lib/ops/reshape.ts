// This module is browser compatible.
import { record } from "../record.ts";
import type { Shape, Tensor } from "../tensor.ts";

/**
 * The same numbers, in the same order, under another shape. Nothing is copied.
 *
 * @throws {RangeError} If the sizes differ.
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  return record(x.view(shape), [x], ([dY]) => [dY!.view(x.shape)]);
}
