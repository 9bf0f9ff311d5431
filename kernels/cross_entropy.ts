// This module is browser compatible.
/** Mean cross entropy of word ids in three kernels: a loss per row, their mean, the gradient. */

import { address } from "./address.ts";
import { defineKernel, linearGrid, type Program } from "./kernel.ts";
import wgsl from "./cross_entropy.wgsl" with { type: "text" };
import backwardWgsl from "./cross_entropy_backward.wgsl" with { type: "text" };
import meanWgsl from "./cross_entropy_mean.wgsl" with { type: "text" };
import meanWorkgroupWgsl from "./cross_entropy_mean_workgroup.wgsl" with { type: "text" };
import workgroupWgsl from "./cross_entropy_workgroup.wgsl" with { type: "text" };

const WORKGROUP = 64;

// On a real GPU a batch's 640 rows of 9,490 words, an invocation each, are ten workgroups that walk for milliseconds.
const rowsWorkgroup: Program<"N" | "V" | "ignored" | "smoothing"> = {
  name: "cross_entropy_workgroup",
  wgsl: workgroupWgsl,
  workgroups: ({ N }) => linearGrid(N, 1),
};

const meanWorkgroup: Program<"N" | "ignored"> = {
  name: "cross_entropy_mean_workgroup",
  wgsl: meanWorkgroupWgsl,
  workgroups: () => [1, 1, 1],
};

/** Loss of each row and its log-sum-exp in two parts; see `cross_entropy.wgsl`. */
export const crossEntropyKernel = defineKernel({
  name: "cross_entropy",
  wgsl,
  inputs: ["logits", "targets"],
  outputs: ["row_loss", "log_sum_exp"],
  params: { N: "u32", V: "u32", ignored: "u32", smoothing: "f32" },
  constants: { WORKGROUP },
  workgroups: ({ N }) => linearGrid(N, WORKGROUP),
  variants: [rowsWorkgroup],
  choose: (_, { software }): Program<"N" | "V" | "ignored" | "smoothing"> =>
    software ? crossEntropyKernel : rowsWorkgroup,
  cpu({ logits, targets, row_loss, log_sum_exp }, { N, V, ignored, smoothing }) {
    for (let n = 0; n < N; n++) {
      let largest = -Infinity;
      for (let v = 0; v < V; v++) largest = Math.max(largest, logits[n * V + v]);
      let sum = 0;
      for (let v = 0; v < V; v++) sum += Math.exp(logits[n * V + v] - largest);
      log_sum_exp[2 * n] = largest;
      log_sum_exp[2 * n + 1] = Math.log(sum);
      const goal = targets[n];
      const target = logits[n * V + goal] - largest;
      row_loss[N + n] = goal === ignored ? 0 : Math.log(sum) - target;
      row_loss[n] = row_loss[N + n];
      if (goal === ignored || smoothing === 0) continue; // 0 times a logit of -∞ would be NaN
      let mean = 0; // of the logits less the largest
      for (let v = 0; v < V; v++) mean += (logits[n * V + v] - largest) / V;
      row_loss[n] += smoothing * (target - mean);
    }
  },
  fast({ logits, targets, row_loss, log_sum_exp }, { N, V, ignored, smoothing }, engine) {
    const addresses = [logits, targets, row_loss].map((array) => address(array));
    const entropies = address(row_loss, N);
    const smooth = Number(smoothing > 0);
    const numbers = [V, ignored, smooth, smoothing, smoothing / V];
    engine.loop("cross_entropy", N, [...addresses, entropies, address(log_sum_exp), ...numbers]);
  },
});

/** Means over the rows that count, and 1 / their number; see `cross_entropy_mean.wgsl`. */
export const crossEntropyMeanKernel = defineKernel({
  name: "cross_entropy_mean",
  wgsl: meanWgsl,
  inputs: ["row_loss", "targets"],
  outputs: ["loss"],
  params: { N: "u32", ignored: "u32" },
  workgroups: () => [1, 1, 1],
  variants: [meanWorkgroup],
  choose: (_, { software }): Program<"N" | "ignored"> => software ? crossEntropyMeanKernel : meanWorkgroup,
  cpu({ row_loss, targets, loss }, { N, ignored }) {
    let total = 0;
    let entropy = 0;
    let count = 0;
    for (let n = 0; n < N; n++) {
      total += row_loss[n];
      entropy += row_loss[N + n];
      if (targets[n] !== ignored) count++;
    }
    loss[0] = total / count;
    loss[1] = 1 / count;
    loss[2] = entropy / count;
  },
});

/** Gradient for the logits; see `cross_entropy_backward.wgsl`. */
export const crossEntropyBackwardKernel = defineKernel({
  name: "cross_entropy_backward",
  wgsl: backwardWgsl,
  inputs: ["logits", "targets", "log_sum_exp", "loss", "d_loss"],
  outputs: ["d_logits"],
  params: { N: "u32", V: "u32", ignored: "u32", smoothing: "f32" },
  constants: { WORKGROUP },
  workgroups: ({ N, V }) => linearGrid(N * V, WORKGROUP),
  cpu({ logits, targets, log_sum_exp, loss, d_loss, d_logits }, { N, V, ignored, smoothing }) {
    for (let n = 0; n < N; n++) {
      const goal = targets[n];
      const scale = goal === ignored ? 0 : loss[1] * d_loss[0];
      const [largest, logSum] = log_sum_exp.subarray(2 * n);
      for (let v = n * V; v < (n + 1) * V; v++) {
        d_logits[v] = scale === 0 ? 0 : (Math.exp(logits[v] - largest - logSum) - smoothing / V) * scale;
      }
      if (scale !== 0) d_logits[n * V + goal] -= (1 - smoothing) * scale;
    }
  },
  fast({ logits, targets, log_sum_exp, loss, d_loss, d_logits }, { N, V, ignored, smoothing }, engine) {
    const addresses = [logits, targets, log_sum_exp, d_logits].map((array) => address(array));
    const factor = loss[1] * d_loss[0];
    const numbers = [V, ignored, factor, (1 - smoothing) * factor, factor * smoothing / V];
    engine.loop("cross_entropy_backward", N, [...addresses, ...numbers]);
  },
});
