// This module is browser compatible.
/** The optimiser's kernels: the global norm of all gradients in two steps, and Adam, which clips by it. */

import { address } from "./address.ts";
import { ceilDiv, defineKernel, linearGrid, type Program } from "./kernel.ts";
import wgsl from "./adam.wgsl" with { type: "text" };
import normWgsl from "./global_norm.wgsl" with { type: "text" };
import sumSquaresWgsl from "./sum_squares.wgsl" with { type: "text" };
import sumSquaresWorkgroupWgsl from "./sum_squares_workgroup.wgsl" with { type: "text" };

const WORKGROUP = 64;

/** Slots of partial sums that one tensor fills. */
export const SUM_SQUARES_CHUNKS = 256;

// With an invocation a slot, 256 of them would walk through a tensor of 5 million numbers: 20,000 loads in a row each.
const sumSquaresWorkgroup: Program<"count" | "offset"> = {
  name: "sum_squares_workgroup",
  wgsl: sumSquaresWorkgroupWgsl,
  constants: { CHUNKS: SUM_SQUARES_CHUNKS },
  workgroups: () => [SUM_SQUARES_CHUNKS, 1, 1],
};

/** Partial sums of squares of one tensor; see `sum_squares.wgsl`. */
export const sumSquaresKernel = defineKernel({
  name: "sum_squares",
  wgsl: sumSquaresWgsl,
  inputs: ["x"],
  outputs: ["partials"],
  params: { count: "u32", offset: "u32" },
  constants: { CHUNKS: SUM_SQUARES_CHUNKS },
  workgroups: () => [SUM_SQUARES_CHUNKS / 64, 1, 1],
  variants: [sumSquaresWorkgroup],
  choose: (_, { software }): Program<"count" | "offset"> => software ? sumSquaresKernel : sumSquaresWorkgroup,
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

/** What tells the optimiser's kernels that the gradients are not finite: the step changes nothing. */
export const SKIP = -1;

// A model of 467 tensors has 120,000 slots.
const globalNormWide: Program<"count" | "max_norm"> = {
  name: "global_norm:256",
  wgsl: normWgsl,
  constants: { WORKGROUP: 256 },
  workgroups: () => [1, 1, 1],
};

/** Norm of everything that {@linkcode sumSquaresKernel} summed, and what to multiply gradients with; see `global_norm.wgsl`. */
export const globalNormKernel = defineKernel({
  name: "global_norm",
  wgsl: normWgsl,
  inputs: ["partials", "loss_scale"],
  outputs: ["norm", "factor"],
  params: { count: "u32", max_norm: "f32" },
  constants: { WORKGROUP },
  workgroups: () => [1, 1, 1],
  variants: [globalNormWide],
  choose: (_, { software }): Program<"count" | "max_norm"> => software ? globalNormKernel : globalNormWide,
  cpu({ partials, loss_scale, norm, factor }, { count, max_norm }) {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += partials[i];
    norm[0] = Math.sqrt(sum) / loss_scale[0];
    const clip = Math.min(1, max_norm / (norm[0] + 1e-6));
    factor[0] = Number.isFinite(norm[0]) ? clip / loss_scale[0] : SKIP;
  },
});

/** One step of Adam or AdamW; see `adam.wgsl`. */
export const adamKernel = defineKernel({
  name: "adam",
  wgsl,
  inputs: ["d_parameter", "factor"],
  outputs: ["parameter", "m", "v"],
  inPlace: ["parameter", "m", "v"],
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
    max_value: "f32",
    l2: "f32",
    keep: "f32",
  },
  constants: { WORKGROUP },
  workgroups: ({ count }) => linearGrid(ceilDiv(count, 4), WORKGROUP),
  cpu({ d_parameter, factor, parameter, m, v }, params) {
    if (factor[0] < 0) return;
    const { count, learning_rate, beta1, beta2, decay1, decay2, epsilon } = params;
    const { correction1, correction2, max_value, l2, keep } = params;
    for (let i = 0; i < count; i++) {
      const clipped = Math.max(-max_value, Math.min(max_value, d_parameter[i] * factor[0]));
      const g = clipped + l2 * parameter[i];
      m[i] = beta1 * m[i] + decay1 * g;
      v[i] = beta2 * v[i] + decay2 * g * g;
      const step = learning_rate * (m[i] * correction1) / (Math.sqrt(v[i] * correction2) + epsilon);
      parameter[i] = keep * parameter[i] - step;
    }
  },
  fast({ d_parameter, factor, parameter, m, v }, params, engine) {
    if (factor[0] < 0) return;
    const { learning_rate, beta1, beta2, decay1, decay2, epsilon, correction1, correction2 } = params;
    const { max_value, l2, keep } = params;
    const addresses = [parameter, d_parameter, m, v].map((array) => address(array));
    const numbers = [learning_rate, beta1, beta2, decay1, decay2, epsilon, correction1, correction2];
    engine.loop("adam", params.count, [...addresses, ...numbers, factor[0], max_value, l2, keep]);
  },
});
