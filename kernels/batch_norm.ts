// This module is browser compatible.
/** Batch normalisation, forwards: statistics in shares, their combination, and y. */

import { ceilDiv, defineKernel, linearGrid, type Program } from "./kernel.ts";
import { rectified } from "./relu.ts";
import wgsl from "./batch_norm.wgsl" with { type: "text" };
import vec4Wgsl from "./batch_norm_vec4.wgsl" with { type: "text" };
import combineWgsl from "./batch_norm_combine.wgsl" with { type: "text" };
import combineWorkgroupWgsl from "./batch_norm_combine_workgroup.wgsl" with { type: "text" };
import statisticsWgsl from "./batch_norm_statistics.wgsl" with { type: "text" };
import statisticsWorkgroupWgsl from "./batch_norm_statistics_workgroup.wgsl" with { type: "text" };

const WORKGROUP = 64;

/** Programs for real GPUs: 32 channels of a share are a workgroup's, and of the combination 8 channels. */
const statisticsWorkgroup: Program<"shares" | "channels"> = {
  name: "batch_norm_statistics_workgroup",
  wgsl: statisticsWorkgroupWgsl,
  workgroups: ({ shares, channels }) => linearGrid(shares * ceilDiv(channels, 32), 1),
};
const combineWorkgroup: Program<"channels"> = {
  name: "batch_norm_combine_workgroup",
  wgsl: combineWorkgroupWgsl,
  workgroups: ({ channels }) => [ceilDiv(channels, 8), 1, 1],
};

/** How many shares to split a channel's rows into: enough for a GPU, and few enough to add up in one run. */
export function batchNormShares(rows: number): number {
  return Math.min(512, ceilDiv(rows, 128));
}

/** First row of a share; that of the next share is the one after its last. */
export function shareStart(share: number, shares: number, rows: number): number {
  return Math.min(share * ceilDiv(rows, shares), rows);
}

/** Mean and sum of squared differences from it, per share and channel: x [rows, C] → partial [shares, 2, C]. */
export const batchNormStatisticsKernel = defineKernel({
  name: "batch_norm_statistics",
  wgsl: statisticsWgsl,
  inputs: ["x"],
  outputs: ["partial"],
  params: { rows: "u32", channels: "u32", shares: "u32" },
  constants: { WORKGROUP },
  workgroups: ({ shares, channels }) => linearGrid(shares * channels, WORKGROUP),
  variants: [statisticsWorkgroup],
  choose: (_, { software }): Program<"shares" | "channels"> =>
    software ? batchNormStatisticsKernel : statisticsWorkgroup,
  cpu({ x, partial }, { rows, channels, shares }) {
    for (let share = 0; share < shares; share++) {
      const start = shareStart(share, shares, rows);
      const end = shareStart(share + 1, shares, rows);
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        for (let row = start; row < end; row++) sum += x[row * channels + c];
        const mean = sum / Math.max(end - start, 1);
        let squares = 0;
        for (let row = start; row < end; row++) squares += (x[row * channels + c] - mean) ** 2;
        partial[share * 2 * channels + c] = mean;
        partial[(share * 2 + 1) * channels + c] = squares;
      }
    }
  },
  fast({ x, partial }, { rows, channels, shares }, engine) {
    const size = ceilDiv(rows, shares);
    partial.fill(0, ceilDiv(rows, size) * 2 * channels); // shares without rows
    engine.loop("batch_norm_statistics", rows, [x.byteOffset, partial.byteOffset, channels], size);
  },
});

/**
 * Mean and variance [C] of all rows from those of the shares; the running ones move towards them by `momentum`.
 *
 * The variance divides by the rows, the running variance takes the one that divides by the rows less one.
 */
export const batchNormCombineKernel = defineKernel({
  name: "batch_norm_combine",
  wgsl: combineWgsl,
  inputs: ["partial"],
  outputs: ["mean", "variance", "running_mean", "running_variance"],
  params: { rows: "u32", channels: "u32", shares: "u32", momentum: "f32" },
  constants: { WORKGROUP },
  workgroups: ({ channels }) => [ceilDiv(channels, WORKGROUP), 1, 1],
  variants: [combineWorkgroup],
  choose: (_, { software }): Program<"channels"> => software ? batchNormCombineKernel : combineWorkgroup,
  cpu({ partial, mean, variance, running_mean, running_variance }, { rows, channels, shares, momentum }) {
    const rowsOf = (share: number) => shareStart(share + 1, shares, rows) - shareStart(share, shares, rows);
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      for (let share = 0; share < shares; share++) {
        sum += rowsOf(share) * partial[share * 2 * channels + c];
      }
      const centre = sum / rows;
      let squares = 0;
      for (let share = 0; share < shares; share++) {
        const difference = partial[share * 2 * channels + c] - centre;
        squares += partial[(share * 2 + 1) * channels + c] + rowsOf(share) * difference ** 2;
      }
      mean[c] = centre;
      variance[c] = squares / rows;
      running_mean[c] += momentum * (centre - running_mean[c]);
      running_variance[c] += momentum * (squares / (rows - 1) - running_variance[c]);
    }
  },
  fast({ partial, mean, variance, running_mean, running_variance }, p) {
    const { rows, channels, shares, momentum } = p;
    const size = ceilDiv(rows, shares);
    const used = ceilDiv(rows, size); // shares with rows
    const centre = new Float64Array(channels);
    const squares = new Float64Array(channels);
    const addUp = (add: (count: number, at: number) => void) => {
      for (let share = 0; share < used; share++) {
        add(Math.min(size, rows - share * size), share * 2 * channels);
      }
    };
    addUp((count, at) => {
      for (let c = 0; c < channels; c++) centre[c] += count / rows * partial[at + c];
    });
    addUp((count, at) => {
      for (let c = 0; c < channels; c++) {
        const difference = partial[at + c] - centre[c];
        squares[c] += partial[at + channels + c] + count * difference * difference;
      }
    });
    for (let c = 0; c < channels; c++) {
      mean[c] = centre[c];
      variance[c] = squares[c] / rows;
      running_mean[c] += momentum * (centre[c] - running_mean[c]);
      running_variance[c] += momentum * (squares[c] / (rows - 1) - running_variance[c]);
    }
  },
});

const vec4: Program<"rows" | "channels"> = {
  name: "batch_norm_vec4",
  wgsl: vec4Wgsl,
  constants: { WORKGROUP },
  workgroups: ({ rows, channels }) => linearGrid(rows * channels / 4, WORKGROUP),
};

/**
 * `y = weight · (x − mean) / √(variance + epsilon) + bias` per channel, then what `relu` says (`RELUS` of relu.ts);
 * x, y [rows, C].
 */
export const batchNormKernel = defineKernel({
  name: "batch_norm",
  wgsl,
  inputs: ["x", "mean", "variance", "weight", "bias"],
  outputs: ["y"],
  params: { rows: "u32", channels: "u32", relu: "u32", epsilon: "f32" },
  constants: { WORKGROUP },
  workgroups: ({ rows, channels }) => linearGrid(rows * channels, WORKGROUP),
  variants: [vec4],
  choose: ({ channels }): Program<"rows" | "channels"> => channels % 4 === 0 ? vec4 : batchNormKernel,
  cpu({ x, mean, variance, weight, bias, y }, { rows, channels, relu, epsilon }) {
    for (let row = 0; row < rows; row++) {
      for (let c = 0; c < channels; c++) {
        const i = row * channels + c;
        const value = (x[i] - mean[c]) * (weight[c] / Math.sqrt(variance[c] + epsilon)) + bias[c];
        y[i] = rectified(value, relu);
      }
    }
  },
  fast({ x, mean, variance, weight, bias, y }, { rows, channels, relu, epsilon }, engine) {
    const addresses = [x, mean, variance, weight, bias, y].map(({ byteOffset }) => byteOffset);
    engine.loop("batch_norm", rows, [...addresses, channels, relu, epsilon]);
  },
});
