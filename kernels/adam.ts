// This module is browser compatible.
/** The optimiser's kernels: the global norm of all gradients in two steps, and Adam, which clips by it. */

import { address } from "./address.ts";
import { defineKernel, linearGrid } from "./kernel.ts";
import wgsl from "./adam.wgsl" with { type: "text" };
import normWgsl from "./global_norm.wgsl" with { type: "text" };
import sumSquaresWgsl from "./sum_squares.wgsl" with { type: "text" };

const WORKGROUP = 64;

/** Slots of partial sums that one tensor fills. */
export const SUM_SQUARES_CHUNKS = 256;

/** Partial sums of squares of one tensor; see `sum_squares.wgsl`. */
export const sumSquaresKernel = defineKernel({
  name: "sum_squares",
  wgsl: sumSquaresWgsl,
  inputs: ["x"],
  outputs: ["partials"],
  params: { count: "u32", offset: "u32" },
  constants: { CHUNKS: SUM_SQUARES_CHUNKS },
  workgroups: () => [SUM_SQUARES_CHUNKS / 64, 1, 1],
  cpu({ x, partials }, { count, offset }) {
    for (let slot = 0; slot < SUM_SQUARES_CHUNKS; slot++) {
      let sum = 0;
      for (let i = slot; i < count; i += SUM_SQUARES_CHUNKS) sum += x[i] * x[i];
      partials[offset + slot] = sum;
    }
  },
  fast({ x, partials }, { count, offset }, engine) {
    partials.fill(0, offset, offset + SUM_SQUARES_CHUNKS);
    const grain = Math.ceil(count / SUM_SQUARES_CHUNKS); // consecutive elements: the same chunks on any machine
    engine.loop("sum_squares", count, [address(x), address(partials, offset)], grain);
  },
});

/** Norm of everything that {@linkcode sumSquaresKernel} summed; see `global_norm.wgsl`. */
export const globalNormKernel = defineKernel({
  name: "global_norm",
  wgsl: normWgsl,
  inputs: ["partials"],
  outputs: ["norm"],
  params: { count: "u32" },
  workgroups: () => [1, 1, 1],
  cpu({ partials, norm }, { count }) {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += partials[i];
    norm[0] = Math.sqrt(sum);
  },
});

/** One step of Adam; see `adam.wgsl`. */
export const adamKernel = defineKernel({
  name: "adam",
  wgsl,
  inputs: ["d_parameter", "norm"],
  outputs: ["parameter", "m", "v"],
  params: {
    count: "u32",
    learning_rate: "f32",
    beta1: "f32",
    beta2: "f32",
    decay1: "f32",
    decay2: "f32",
    epsilon: "f32",
    correction1: "f32",
    correction2: "f32",
    max_norm: "f32",
  },
  constants: { WORKGROUP },
  workgroups: ({ count }) => linearGrid(count, WORKGROUP),
  cpu({ d_parameter, norm, parameter, m, v }, params) {
    if (!Number.isFinite(norm[0])) return;
    const { count, learning_rate, beta1, beta2, decay1, decay2 } = params;
    const { epsilon, correction1, correction2, max_norm } = params;
    const scale = Math.min(1, max_norm / (norm[0] + 1e-6));
    for (let i = 0; i < count; i++) {
      const g = d_parameter[i] * scale;
      m[i] = beta1 * m[i] + decay1 * g;
      v[i] = beta2 * v[i] + decay2 * g * g;
      parameter[i] -= learning_rate * (m[i] * correction1) / (Math.sqrt(v[i] * correction2) + epsilon);
    }
  },
  fast({ d_parameter, norm, parameter, m, v }, params, engine) {
    if (!Number.isFinite(norm[0])) return;
    const { learning_rate, beta1, beta2, decay1, decay2, epsilon, correction1, correction2 } = params;
    const scale = Math.min(1, params.max_norm / (norm[0] + 1e-6));
    const addresses = [parameter, d_parameter, m, v].map((array) => address(array));
    const numbers = [learning_rate, beta1, beta2, decay1, decay2, epsilon, correction1, correction2, scale];
    engine.loop("adam", params.count, [...addresses, ...numbers]);
  },
});
