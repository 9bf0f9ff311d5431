// This module is browser compatible.
import { address } from "./address.ts";
import { defineKernel, linearGrid } from "./kernel.ts";
import wgsl from "./moving_average.wgsl" with { type: "text" };

const WORKGROUP = 64;

/** `average = decay · average + share · x`, both [count]; see `moving_average.wgsl`. */
export const movingAverageKernel = defineKernel({
  name: "moving_average",
  wgsl,
  inputs: ["x"],
  outputs: ["average"],
  inPlace: ["average"],
  params: { count: "u32", decay: "f32", share: "f32" },
  constants: { WORKGROUP },
  workgroups: ({ count }) => linearGrid(count, WORKGROUP),
  cpu({ x, average }, { count, decay, share }) {
    for (let i = 0; i < count; i++) average[i] = decay * average[i] + share * x[i];
  },
  fast({ x, average }, { count, decay, share }, engine) {
    engine.loop("scale", count, [address(average), address(average), decay]);
    engine.loop("axpy", count, [address(x), address(average), share]);
  },
});
