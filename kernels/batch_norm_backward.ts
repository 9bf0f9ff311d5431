// This module is browser compatible.
/** Batch normalisation, backwards: sums per channel in shares, and d_x. */

import { ceilDiv, defineKernel, linearGrid, type Program } from "./kernel.ts";
import { shareStart } from "./batch_norm.ts";
import { isFlat } from "./relu.ts";
import wgsl from "./batch_norm_backward.wgsl" with { type: "text" };
import vec4Wgsl from "./batch_norm_backward_vec4.wgsl" with { type: "text" };
import sumsWgsl from "./batch_norm_backward_sums.wgsl" with { type: "text" };
import sumsWorkgroupWgsl from "./batch_norm_backward_sums_workgroup.wgsl" with { type: "text" };

const WORKGROUP = 64;

/** For real GPUs: 32 channels of a share are a workgroup's. */
const sumsWorkgroup: Program<"shares" | "channels"> = {
  name: "batch_norm_backward_sums_workgroup",
  wgsl: sumsWorkgroupWgsl,
  workgroups: ({ shares, channels }) => linearGrid(shares * ceilDiv(channels, 32), 1),
};

/**
 * `Σ g` and `Σ g · x̂` per share and channel, into partial [shares, 2, C]; their sums over shares are d_bias and d_weight.
 *
 * g is d_y, or 0 where y is on the flat of a fused ReLU (`RELUS` of relu.ts). With `relu` 0 nothing of y is read: bind d_y.
 */
export const batchNormBackwardSumsKernel = defineKernel({
  name: "batch_norm_backward_sums",
  wgsl: sumsWgsl,
  inputs: ["x", "y", "d_y", "mean", "variance"],
  outputs: ["partial"],
  params: { rows: "u32", channels: "u32", shares: "u32", relu: "u32", epsilon: "f32" },
  constants: { WORKGROUP },
  workgroups: ({ shares, channels }) => linearGrid(shares * channels, WORKGROUP),
  variants: [sumsWorkgroup],
  choose: (_, { software }): Program<"shares" | "channels"> =>
    software ? batchNormBackwardSumsKernel : sumsWorkgroup,
  cpu({ x, y, d_y, mean, variance, partial }, { rows, channels, shares, relu, epsilon }) {
    for (let share = 0; share < shares; share++) {
      const start = shareStart(share, shares, rows);
      const end = shareStart(share + 1, shares, rows);
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        let products = 0;
        for (let row = start; row < end; row++) {
          const i = row * channels + c;
          const upstream = isFlat(y[i], relu) ? 0 : d_y[i];
          sum += upstream;
          products += upstream * (x[i] - mean[c]);
        }
        partial[share * 2 * channels + c] = sum;
        partial[(share * 2 + 1) * channels + c] = products / Math.sqrt(variance[c] + epsilon);
      }
    }
  },
  fast({ x, y, d_y, mean, variance, partial }, { rows, channels, shares, relu, epsilon }, engine) {
    const size = ceilDiv(rows, shares);
    partial.fill(0, ceilDiv(rows, size) * 2 * channels); // shares without rows
    const addresses = [x, y, d_y, mean, variance, partial].map(({ byteOffset }) => byteOffset);
    engine.loop("batch_norm_backward_sums", rows, [...addresses, channels, relu, epsilon], size);
  },
});

const vec4: Program<"rows" | "channels"> = {
  name: "batch_norm_backward_vec4",
  wgsl: vec4Wgsl,
  constants: { WORKGROUP },
  workgroups: ({ rows, channels }) => linearGrid(rows * channels / 4, WORKGROUP),
};

/**
 * `d_x = weight / σ · (g − (Σ g + x̂ · Σ g x̂) / rows)`, or `weight / σ · g` where `training` is 0.
 *
 * sums [2, C] holds the two sums. g is as in {@linkcode batchNormBackwardSumsKernel}.
 */
export const batchNormBackwardKernel = defineKernel({
  name: "batch_norm_backward",
  wgsl,
  inputs: ["x", "y", "d_y", "mean", "variance", "weight", "sums"],
  outputs: ["d_x"],
  params: { rows: "u32", channels: "u32", relu: "u32", training: "u32", epsilon: "f32" },
  constants: { WORKGROUP },
  workgroups: ({ rows, channels }) => linearGrid(rows * channels, WORKGROUP),
  variants: [vec4],
  choose: ({ channels }): Program<"rows" | "channels"> => channels % 4 === 0 ? vec4 : batchNormBackwardKernel,
  cpu({ x, y, d_y, mean, variance, weight, sums, d_x }, { rows, channels, relu, training, epsilon }) {
    for (let row = 0; row < rows; row++) {
      for (let c = 0; c < channels; c++) {
        const i = row * channels + c;
        let upstream = isFlat(y[i], relu) ? 0 : d_y[i];
        const sigma = Math.sqrt(variance[c] + epsilon);
        if (training) upstream -= (sums[c] + (x[i] - mean[c]) / sigma * sums[channels + c]) / rows;
        d_x[i] = weight[c] / sigma * upstream;
      }
    }
  },
  fast({ x, y, d_y, mean, variance, weight, sums, d_x }, p, engine) {
    const addresses = [x, y, d_y, mean, variance, weight, sums, d_x].map(({ byteOffset }) => byteOffset);
    const numbers = [p.rows, p.channels, p.relu, p.training, p.epsilon];
    engine.loop("batch_norm_backward", p.rows, [...addresses, ...numbers]);
  },
});
