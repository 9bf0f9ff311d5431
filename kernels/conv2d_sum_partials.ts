// This module is browser compatible.
import { defineKernel, linearGrid } from "./kernel.ts";
import wgsl from "./conv2d_sum_partials.wgsl" with { type: "text" };

/** `total[length]` = the sum of `splits` arrays of `length` elements that lie one after another in `partial`. */
export const sumPartialsKernel = defineKernel({
  name: "conv2d_sum_partials",
  wgsl,
  inputs: ["partial"],
  outputs: ["total"],
  params: { length: "u32", splits: "u32" },
  workgroups: ({ length }) => linearGrid(length, 64),
  cpu({ partial, total }, { length, splits }) {
    for (let i = 0; i < length; i++) {
      let sum = 0;
      for (let s = 0; s < splits; s++) sum += partial[s * length + i];
      total[i] = sum;
    }
  },
});
