// This module is browser compatible.
import { ceilDiv, defineKernel, linearGrid, type Program } from "./kernel.ts";
import wgsl from "./embedding.wgsl" with { type: "text" };
import backwardWgsl from "./embedding_backward.wgsl" with { type: "text" };
import backwardWorkgroupWgsl from "./embedding_backward_workgroup.wgsl" with { type: "text" };

const WORKGROUP = 64;

/** Rows of weight [V, E] by id; see `embedding.wgsl`. */
export const embeddingKernel = defineKernel({
  name: "embedding",
  wgsl,
  inputs: ["weight", "ids"],
  outputs: ["y"],
  params: { N: "u32", E: "u32" },
  constants: { WORKGROUP },
  workgroups: ({ N, E }) => linearGrid(N * E, WORKGROUP),
  cpu({ weight, ids, y }, { N, E }) {
    for (let n = 0; n < N; n++) {
      for (let e = 0; e < E; e++) y[n * E + e] = weight[ids[n] * E + e];
    }
  },
  fast({ weight, ids, y }, { N, E }) { // whole rows: the states of all beams move at every word
    for (let n = 0; n < N; n++) y.set(weight.subarray(ids[n] * E, (ids[n] + 1) * E), n * E);
  },
});

// An invocation an element looks through all N ids itself: 330,000 times 640 in a batch of captions.
const backwardWorkgroup: Program<"N" | "E"> = {
  name: "embedding_backward_workgroup",
  wgsl: backwardWorkgroupWgsl,
  workgroups: ({ N, E }) => linearGrid(N * ceilDiv(E, 64), 1),
};

/** Adds up the gradients of each row's uses; see `embedding_backward.wgsl`. Fill d_weight with zeros before. */
export const embeddingBackwardKernel = defineKernel({
  name: "embedding_backward",
  wgsl: backwardWgsl,
  inputs: ["ids", "d_y"],
  outputs: ["d_weight"],
  params: { N: "u32", E: "u32" },
  constants: { WORKGROUP },
  workgroups: ({ N, E }) => linearGrid(N * ceilDiv(E, 8), WORKGROUP),
  variants: [backwardWorkgroup],
  choose: (_, { software }): Program<"N" | "E"> => software ? embeddingBackwardKernel : backwardWorkgroup,
  cpu({ ids, d_y, d_weight }, { N, E }) {
    for (let n = 0; n < N; n++) {
      for (let e = 0; e < E; e++) d_weight[ids[n] * E + e] += d_y[n * E + e];
    }
  },
});
