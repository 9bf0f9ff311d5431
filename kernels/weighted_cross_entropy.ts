// This module is browser compatible.
/** Mean of weighted cross entropies, from the rows' losses of `cross_entropy.ts`, and its gradient. */

import { address } from "./address.ts";
import { defineKernel, linearGrid, type Program } from "./kernel.ts";
import wgsl from "./weighted_cross_entropy.wgsl" with { type: "text" };
import backwardWgsl from "./weighted_cross_entropy_backward.wgsl" with { type: "text" };
import workgroupWgsl from "./weighted_cross_entropy_workgroup.wgsl" with { type: "text" };

const WORKGROUP = 64;

const meanWorkgroup: Program<"N" | "ignored"> = {
  name: "weighted_cross_entropy_workgroup",
  wgsl: workgroupWgsl,
  workgroups: () => [1, 1, 1],
};

/** Mean of weight · loss over the rows that count, and 1 / their number; see `weighted_cross_entropy.wgsl`. */
export const weightedCrossEntropyKernel = defineKernel({
  name: "weighted_cross_entropy",
  wgsl,
  inputs: ["row_loss", "targets", "weights"],
  outputs: ["loss"],
  params: { N: "u32", ignored: "u32" },
  workgroups: () => [1, 1, 1],
  variants: [meanWorkgroup],
  choose: (_, { software }): Program<"N" | "ignored"> =>
    software ? weightedCrossEntropyKernel : meanWorkgroup,
  cpu({ row_loss, targets, weights, loss }, { N, ignored }) {
    let total = 0;
    let count = 0;
    for (let n = 0; n < N; n++) {
      if (targets[n] === ignored) continue;
      total += weights[n] * row_loss[n];
      count++;
    }
    loss[0] = total / count;
    loss[1] = 1 / count;
  },
});

/** Gradient for the logits; see `weighted_cross_entropy_backward.wgsl`. */
export const weightedCrossEntropyBackwardKernel = defineKernel({
  name: "weighted_cross_entropy_backward",
  wgsl: backwardWgsl,
  inputs: ["logits", "targets", "weights", "log_sum_exp", "loss", "d_loss"],
  outputs: ["d_logits"],
  params: { N: "u32", V: "u32", ignored: "u32" },
  constants: { WORKGROUP },
  workgroups: ({ N, V }) => linearGrid(N * V, WORKGROUP),
  cpu({ logits, targets, weights, log_sum_exp, loss, d_loss, d_logits }, { N, V, ignored }) {
    for (let n = 0; n < N; n++) {
      const goal = targets[n];
      const scale = goal === ignored ? 0 : weights[n] * loss[1] * d_loss[0];
      const [largest, logSum] = log_sum_exp.subarray(2 * n);
      for (let v = n * V; v < (n + 1) * V; v++) {
        d_logits[v] = scale === 0 ? 0 : Math.exp(logits[v] - largest - logSum) * scale;
      }
      if (scale !== 0) d_logits[n * V + goal] -= scale;
    }
  },
  fast({ logits, targets, weights, log_sum_exp, loss, d_loss, d_logits }, { N, V, ignored }, engine) {
    const [x, goal, lse, dX] = [logits, targets, log_sum_exp, d_logits].map((array) => address(array));
    for (let n = 0; n < N; n++) { // the loop has one factor for all its rows
      const row = [x + 4 * n * V, goal + 4 * n, lse + 8 * n, dX + 4 * n * V];
      const factor = weights[n] * loss[1] * d_loss[0];
      engine.loop("cross_entropy_backward", 1, [...row, V, ignored, factor, factor, 0]);
    }
  },
});
