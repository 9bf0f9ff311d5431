// This module is browser compatible.
import { scaleKernel } from "../../kernels/elementwise.ts";
import { record } from "../record.ts";
import { Tensor } from "../tensor.ts";

/** `factor · x`, elementwise, with one number known to the host. */
export function scale(x: Tensor, factor: number): Tensor {
  const y = new Tensor(x.backend, x.shape, { type: x.type, label: "scale" });
  x.backend.run(scaleKernel, { x: x.storage, y: y.storage }, { count: y.length, factor });
  return record(y, [x], ([dY]) => [scale(dY!, factor)]);
}
