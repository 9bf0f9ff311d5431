// This module is browser compatible.
import { defineKernel, linearGrid } from "./kernel.ts";
import { hash32 } from "./random.ts";
import wgsl from "./sampled_inputs.wgsl" with { type: "text" };

const WORKGROUP = 64;

/** The words of one step of scheduled sampling: true ones and drawn ones; see `sampled_inputs.wgsl`. */
export const sampledInputsKernel = defineKernel({
  name: "sampled_inputs",
  wgsl,
  inputs: ["truth", "drawn"],
  outputs: ["mixed", "words", "ended"],
  params: { N: "u32", t: "u32", seed: "u32", chance: "u32", first_row: "u32", pad: "u32" },
  constants: { WORKGROUP },
  workgroups: ({ N }) => linearGrid(N, WORKGROUP),
  cpu({ truth, drawn, mixed, words, ended }, { N, t, seed, chance, first_row, pad }) {
    for (let n = 0; n < N; n++) {
      const right = truth[t * N + n];
      const replace = right !== pad && hash32(seed, t, first_row + n) >>> 8 < chance;
      words[n] = replace ? drawn[n] : right;
      mixed[t * N + n] = words[n];
      ended[n] = 0;
    }
  },
});
