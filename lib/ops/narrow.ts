// This module is browser compatible.
import { copyKernel } from "../../kernels/elementwise.ts";
import { Tensor } from "../tensor.ts";

/** One element of a tensor as a tensor of shape []. Not recorded: for the insides of ops. */
export function narrow(x: Tensor, index: number): Tensor {
  const y = new Tensor(x.backend, [], { label: x.label });
  const buffers = { x: x.storage, y: y.storage };
  x.backend.run(copyKernel, buffers, { count: 1, x_offset: index, y_offset: 0 });
  return y;
}
