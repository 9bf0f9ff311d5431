// This module is browser compatible.
import type { Relu } from "../../kernels/relu.ts";
import { activationBackwardKernel, ACTIVATIONS } from "../../kernels/activation.ts";
import { Tensor } from "../tensor.ts";

/**
 * The gradient of what went into a ReLU at the end of a kernel: d_y itself where there is none.
 *
 * @param y What came out of it.
 */
export function behindRelu(y: Tensor, dY: Tensor, activation: Relu): Tensor {
  if (activation === "none") return dY;
  const d = new Tensor(y.backend, y.shape, { type: dY.type, label: "d_y" });
  const buffers = { y: y.storage, d_y: dY.storage, d_x: d.storage };
  y.backend.run(activationBackwardKernel, buffers, {
    count: y.length,
    activation: ACTIVATIONS[activation],
  });
  return d;
}
