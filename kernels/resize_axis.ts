// This module is browser compatible.
import { defineKernel, linearGrid } from "./kernel.ts";
import wgsl from "./resize_axis.wgsl" with { type: "text" };
import backwardWgsl from "./resize_axis_backward.wgsl" with { type: "text" };

const WORKGROUP = 64;

/**
 * The antialiased triangle filter: for each output the first input it reads and the weights from there on, sum 1.
 *
 * With `r = inSize / outSize` and `s = max(r, 1)`, input j has weight `max(0, 1 - |j + .5 - r (i + .5)| / s)` in
 * output i, divided by the sum over the inputs there are.
 */
function triangleFilter(inSize: number, outSize: number): { start: number; weights: number[] }[] {
  const ratio = inSize / outSize;
  const reach = Math.max(ratio, 1);
  return Array.from({ length: outSize }, (_, i) => {
    const centre = ratio * (i + 0.5);
    const start = Math.max(0, Math.floor(centre - reach));
    const end = Math.min(inSize, Math.ceil(centre + reach));
    const weights = [];
    for (let j = start; j < end; j++) weights.push(Math.max(0, 1 - Math.abs(j + 0.5 - centre) / reach));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return { start, weights: weights.map((weight) => weight / total) };
  });
}

/** Resizes the middle axis: x [outer, in_size, inner] → y [outer, out_size, inner]. */
export const resizeAxisKernel = defineKernel({
  name: "resize_axis",
  wgsl,
  inputs: ["x"],
  outputs: ["y"],
  params: { outer: "u32", in_size: "u32", out_size: "u32", inner: "u32" },
  constants: { WORKGROUP },
  workgroups: ({ outer, out_size, inner }) => linearGrid(outer * out_size * inner, WORKGROUP),
  cpu({ x, y }, { outer, in_size, out_size, inner }) {
    const filter = triangleFilter(in_size, out_size);
    let at = 0;
    for (let o = 0; o < outer; o++) {
      for (const { start, weights } of filter) {
        for (let n = 0; n < inner; n++) {
          let sum = 0;
          for (let k = 0; k < weights.length; k++) {
            if (weights[k] > 0) sum += weights[k] * x[(o * in_size + start + k) * inner + n];
          }
          y[at++] = sum;
        }
      }
    }
  },
});

/** Gradient of {@linkcode resizeAxisKernel}: d_y [outer, out_size, inner] → d_x [outer, in_size, inner]. */
export const resizeAxisBackwardKernel = defineKernel({
  name: "resize_axis_backward",
  wgsl: backwardWgsl,
  inputs: ["d_y"],
  outputs: ["d_x"],
  params: { outer: "u32", in_size: "u32", out_size: "u32", inner: "u32" },
  constants: { WORKGROUP },
  workgroups: ({ outer, in_size, inner }) => linearGrid(outer * in_size * inner, WORKGROUP),
  cpu({ d_y, d_x }, { outer, in_size, out_size, inner }) {
    const filter = triangleFilter(in_size, out_size);
    d_x.fill(0);
    let at = 0;
    for (let o = 0; o < outer; o++) {
      for (const { start, weights } of filter) {
        for (let n = 0; n < inner; n++, at++) {
          for (let k = 0; k < weights.length; k++) {
            if (weights[k] > 0) d_x[(o * in_size + start + k) * inner + n] += weights[k] * d_y[at];
          }
        }
      }
    }
  },
});
