// This module is browser compatible.
import { address } from "./address.ts";
import { defineKernel, linearGrid } from "./kernel.ts";
import wgsl from "./sgd.wgsl" with { type: "text" };

const WORKGROUP = 64;

/** One step of gradient descent with momentum; see `sgd.wgsl`. */
export const sgdKernel = defineKernel({
  name: "sgd",
  wgsl,
  inputs: ["d_parameter", "factor"],
  outputs: ["parameter", "velocity"],
  inPlace: ["parameter", "velocity"],
  params: { count: "u32", learning_rate: "f32", momentum: "f32", max_value: "f32", l2: "f32" },
  constants: { WORKGROUP },
  workgroups: ({ count }) => linearGrid(count, WORKGROUP),
  cpu({ d_parameter, factor, parameter, velocity }, { count, learning_rate, momentum, max_value, l2 }) {
    if (factor[0] < 0) return;
    for (let i = 0; i < count; i++) {
      const clipped = Math.max(-max_value, Math.min(max_value, d_parameter[i] * factor[0]));
      velocity[i] = momentum * velocity[i] + clipped + l2 * parameter[i];
      parameter[i] -= learning_rate * velocity[i];
    }
  },
  fast({ d_parameter, factor, parameter, velocity }, params, engine) {
    if (factor[0] < 0) return;
    const { count, learning_rate, momentum, max_value, l2 } = params;
    const addresses = [parameter, d_parameter, velocity].map((array) => address(array));
    engine.loop("sgd", count, [...addresses, learning_rate, momentum, factor[0], max_value, l2]);
  },
});
