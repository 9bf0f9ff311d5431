// This module is browser compatible.
import { defineKernel, linearGrid } from "./kernel.ts";
import { hash32 } from "./random.ts";
import wgsl from "./dropout.wgsl" with { type: "text" };

const WORKGROUP = 64;

/**
 * `y = x · scale`, or 0 for the elements that chance drops; x and y [count].
 *
 * Element i stands for number `j = offset + ⌊i / block⌋ · stride + i mod block` of a larger whole, and is dropped where
 * the upper 24 bits of `hash32(seed, j)` are below `threshold` (the probability in units of 2⁻²⁴): some rows of
 * a [T, rows, H] are then masked as in the whole. The gradient is the same kernel on d_y.
 */
export const dropoutKernel = defineKernel({
  name: "dropout",
  wgsl,
  inputs: ["x"],
  outputs: ["y"],
  params: {
    count: "u32",
    seed: "u32",
    offset: "u32",
    block: "u32",
    stride: "u32",
    threshold: "u32",
    scale: "f32",
  },
  constants: { WORKGROUP },
  workgroups: ({ count }) => linearGrid(count, WORKGROUP),
  cpu({ x, y }, { count, seed, offset, block, stride, threshold, scale }) {
    for (let i = 0; i < count; i++) {
      const number = offset + Math.floor(i / block) * stride + i % block;
      y[i] = hash32(seed, number) >>> 8 < threshold ? 0 : x[i] * scale;
    }
  },
  fast({ x, y }, { count, seed, offset, block, stride, threshold, scale }) {
    const start = hash32(seed); // what the hash holds once it has taken the seed in
    const bits = new Int32Array(y.buffer, y.byteOffset, count);
    let first = offset;
    for (let from = 0; from < count; from += block, first += stride) {
      const end = Math.min(from + block, count);
      const shift = first - from | 0;
      for (let i = from; i < end; i++) {
        let hash = start ^ (shift + i);
        hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
        hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
        hash = (hash ^ (hash >>> 16)) + 0x9e3779b9;
        y[i] = x[i] * scale;
        bits[i] &= -Number((hash >>> 8) >= threshold); // all bits, or none: chance cannot be predicted, so no branch
      }
    }
  },
});
