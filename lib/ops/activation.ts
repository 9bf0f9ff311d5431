// This module is browser compatible.
/** Activations and the functions beside them, elementwise. NaN stays NaN in all. */

import { activationBackwardKernel, activationKernel, ACTIVATIONS } from "../../kernels/activation.ts";
import { record } from "../record.ts";
import { Tensor } from "../tensor.ts";
import { binary } from "./broadcast.ts";

/** `max(x, 0)`; the gradient at 0 is 0. */
export function relu(x: Tensor): Tensor {
  return activate("relu", x);
}

/** `min(max(x, 0), 6)`; the gradient at 0 and at 6 is 0. */
export function relu6(x: Tensor): Tensor {
  return activate("relu6", x);
}

/** `1 / (1 + exp(-x))`, without overflow. */
export function sigmoid(x: Tensor): Tensor {
  return activate("sigmoid", x);
}

/** Hyperbolic tangent, without overflow. */
export function tanh(x: Tensor): Tensor {
  return activate("tanh", x);
}

/** `exp(x)`. */
export function exp(x: Tensor): Tensor {
  const y = apply("exp", x);
  return record(y, [x], ([dY]) => [binary("multiply", dY!, y)]);
}

/** Natural logarithm. */
export function log(x: Tensor): Tensor {
  return record(apply("log", x), [x], ([dY]) => [binary("divide", dY!, x)]);
}

function apply(activation: keyof typeof ACTIVATIONS, x: Tensor): Tensor {
  const y = new Tensor(x.backend, x.shape, { type: x.type, label: activation });
  const params = { count: y.length, activation: ACTIVATIONS[activation] };
  x.backend.run(activationKernel, { x: x.storage, y: y.storage }, params);
  return y;
}

function activate(activation: "relu" | "relu6" | "sigmoid" | "tanh", x: Tensor): Tensor {
  const y = apply(activation, x);
  return record(y, [x], ([dY]) => {
    const dX = new Tensor(x.backend, x.shape, { type: x.type, label: "d_x" });
    const buffers = { y: y.storage, d_y: dY!.storage, d_x: dX.storage };
    const params = { count: y.length, activation: ACTIVATIONS[activation] };
    x.backend.run(activationBackwardKernel, buffers, params);
    return [dX];
  });
}
