// This module is browser compatible.
import { defineKernel } from "./kernel.ts";
import { SKIP } from "./adam.ts";
import wgsl from "./loss_scale.wgsl" with { type: "text" };

/** What the loss is multiplied with in the next step, from how this one went; see `loss_scale.wgsl`. */
export const lossScaleKernel = defineKernel({
  name: "loss_scale",
  wgsl,
  inputs: ["factor"],
  outputs: ["state"],
  params: { interval: "u32", least: "f32", most: "f32" },
  workgroups: () => [1, 1, 1],
  cpu({ factor, state }, { interval, least, most }) {
    if (factor[0] === SKIP) {
      state[0] = Math.max(state[0] / 2, least);
      state[1] = 0;
      state[2]++;
    } else if (++state[1] >= interval) {
      state[0] = Math.min(state[0] * 2, most);
      state[1] = 0;
    }
  },
});
