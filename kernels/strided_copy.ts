// This module is browser compatible.
import { defineKernel, linearGrid } from "./kernel.ts";
import wgsl from "./strided_copy.wgsl" with { type: "text" };

const WORKGROUP = 64;
/** Elements from which on the CPU copies rows as a whole. */
const LONG = 16;

/**
 * Copies a block [size_0, …, size_4] between strided places of x and y.
 *
 * It transposes, slices, concatenates and repeats. Elements of y outside the block stay as they are.
 */
export const stridedCopyKernel = defineKernel({
  name: "strided_copy",
  wgsl,
  inputs: ["x"],
  outputs: ["y"],
  params: {
    x_offset: "u32",
    y_offset: "u32",
    size_0: "u32",
    size_1: "u32",
    size_2: "u32",
    size_3: "u32",
    size_4: "u32",
    x_stride_0: "u32",
    x_stride_1: "u32",
    x_stride_2: "u32",
    x_stride_3: "u32",
    x_stride_4: "u32",
    y_stride_0: "u32",
    y_stride_1: "u32",
    y_stride_2: "u32",
    y_stride_3: "u32",
    y_stride_4: "u32",
  },
  constants: { WORKGROUP },
  workgroups: (p) => linearGrid(p.size_0 * p.size_1 * p.size_2 * p.size_3 * p.size_4, WORKGROUP),
  cpu({ x, y }, p) {
    for (let i0 = 0; i0 < p.size_0; i0++) {
      for (let i1 = 0; i1 < p.size_1; i1++) {
        for (let i2 = 0; i2 < p.size_2; i2++) {
          for (let i3 = 0; i3 < p.size_3; i3++) {
            const from = p.x_offset + i0 * p.x_stride_0 + i1 * p.x_stride_1 + i2 * p.x_stride_2 +
              i3 * p.x_stride_3;
            const to = p.y_offset + i0 * p.y_stride_0 + i1 * p.y_stride_1 + i2 * p.y_stride_2 +
              i3 * p.y_stride_3;
            for (let i4 = 0; i4 < p.size_4; i4++) y[to + i4 * p.y_stride_4] = x[from + i4 * p.x_stride_4];
          }
        }
      }
    }
  },
  fast({ x, y }, p): void {
    const { size_4: size, x_stride_4: step } = p;
    if (p.y_stride_4 !== 1 || step > 1 || size < LONG) return stridedCopyKernel.cpu({ x, y }, p);
    for (let i0 = 0; i0 < p.size_0; i0++) {
      for (let i1 = 0; i1 < p.size_1; i1++) {
        for (let i2 = 0; i2 < p.size_2; i2++) {
          for (let i3 = 0; i3 < p.size_3; i3++) {
            const from = p.x_offset + i0 * p.x_stride_0 + i1 * p.x_stride_1 + i2 * p.x_stride_2 +
              i3 * p.x_stride_3;
            const to = p.y_offset + i0 * p.y_stride_0 + i1 * p.y_stride_1 + i2 * p.y_stride_2 +
              i3 * p.y_stride_3;
            if (step === 1) y.set(x.subarray(from, from + size), to);
            else y.fill(x[from], to, to + size);
          }
        }
      }
    }
  },
});
