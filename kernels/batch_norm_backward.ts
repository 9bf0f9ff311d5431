// This module is browser compatible.
/** Batch normalisation, backwards: sums per channel in shares, and d_x. */

import { defineKernel, linearGrid } from "./kernel.ts";
import { shareStart } from "./batch_norm.ts";
import wgsl from "./batch_norm_backward.wgsl" with { type: "text" };
import sumsWgsl from "./batch_norm_backward_sums.wgsl" with { type: "text" };

const WORKGROUP = 64;

/**
 * `Σ g` and `Σ g · x̂` per share and channel, into partial [shares, 2, C]; their sums over shares are d_bias and d_weight.
 *
 * g is d_y, or 0 where a fused ReLU cut (`relu` 1 and y ≤ 0). With `relu` 0 nothing of y is read: bind d_y.
 */
export const batchNormBackwardSumsKernel = defineKernel({
  name: "batch_norm_backward_sums",
  wgsl: sumsWgsl,
  inputs: ["x", "y", "d_y", "mean", "variance"],
  outputs: ["partial"],
  params: { rows: "u32", channels: "u32", shares: "u32", relu: "u32", epsilon: "f32" },
  constants: { WORKGROUP },
  workgroups: ({ shares, channels }) => linearGrid(shares * channels, WORKGROUP),
  cpu({ x, y, d_y, mean, variance, partial }, { rows, channels, shares, relu, epsilon }) {
    for (let share = 0; share < shares; share++) {
      const start = shareStart(share, shares, rows);
      const end = shareStart(share + 1, shares, rows);
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        let products = 0;
        for (let row = start; row < end; row++) {
          const i = row * channels + c;
          const upstream = relu && y[i] <= 0 ? 0 : d_y[i];
          sum += upstream;
          products += upstream * (x[i] - mean[c]);
        }
        partial[share * 2 * channels + c] = sum;
        partial[(share * 2 + 1) * channels + c] = products / Math.sqrt(variance[c] + epsilon);
      }
    }
  },
  fast({ x, y, d_y, mean, variance, partial }, { rows, channels, shares, relu, epsilon }) {
    const inverse = Float64Array.from(variance, (value) => 1 / Math.sqrt(value + epsilon));
    const sum = new Float64Array(channels);
    const products = new Float64Array(channels);
    for (let share = 0; share < shares; share++) {
      const start = shareStart(share, shares, rows);
      const end = shareStart(share + 1, shares, rows);
      sum.fill(0);
      products.fill(0);
      for (let row = start, i = start * channels; row < end; row++) {
        for (let c = 0; c < channels; c++, i++) {
          if (relu && y[i] <= 0) continue;
          sum[c] += d_y[i];
          products[c] += d_y[i] * (x[i] - mean[c]);
        }
      }
      for (let c = 0; c < channels; c++) products[c] *= inverse[c];
      partial.set(sum, share * 2 * channels);
      partial.set(products, (share * 2 + 1) * channels);
    }
  },
});

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
  cpu({ x, y, d_y, mean, variance, weight, sums, d_x }, { rows, channels, relu, training, epsilon }) {
    for (let row = 0; row < rows; row++) {
      for (let c = 0; c < channels; c++) {
        const i = row * channels + c;
        let upstream = relu && y[i] <= 0 ? 0 : d_y[i];
        const sigma = Math.sqrt(variance[c] + epsilon);
        if (training) upstream -= (sums[c] + (x[i] - mean[c]) / sigma * sums[channels + c]) / rows;
        d_x[i] = weight[c] / sigma * upstream;
      }
    }
  },
  fast({ x, y, d_y, mean, variance, weight, sums, d_x }, { rows, channels, relu, training, epsilon }) {
    // d_x = scale · g − shift − slope · (x − mean), with constants of each channel
    const inverse = Float64Array.from(variance, (value) => 1 / Math.sqrt(value + epsilon));
    const scale = inverse.map((value, c) => value * weight[c]);
    const slope = scale.map((value, c) => training ? value * inverse[c] * sums[channels + c] / rows : 0);
    const shift = scale.map((value, c) => training ? value * sums[c] / rows : 0);
    for (let row = 0, i = 0; row < rows; row++) {
      for (let c = 0; c < channels; c++, i++) {
        const upstream = relu && y[i] <= 0 ? 0 : d_y[i];
        d_x[i] = scale[c] * upstream - shift[c] - slope[c] * (x[i] - mean[c]);
      }
    }
  },
});
