// This module is browser compatible.
import { defineKernel, linearGrid, type Program } from "./kernel.ts";
import wgsl from "./binary.wgsl" with { type: "text" };
import flatWgsl from "./binary_flat.wgsl" with { type: "text" };

const WORKGROUP = 64;

/** Values of the parameter `operation`; the WGSL has the same constants. */
export const OPERATIONS = { add: 0, subtract: 1, multiply: 2, divide: 3 } as const;

/** By number; the engine's loops have the same names. */
const NAMES = Object.keys(OPERATIONS);

const FUNCTIONS: readonly ((a: number, b: number) => number)[] = [
  (a, b) => a + b,
  (a, b) => a - b,
  (a, b) => a * b,
  (a, b) => a / b,
];

const PARAMS = {
  operation: "u32",
  count: "u32",
  period: "u32",
  size_0: "u32",
  size_1: "u32",
  size_2: "u32",
  size_3: "u32",
  size_4: "u32",
  a_stride_0: "u32",
  a_stride_1: "u32",
  a_stride_2: "u32",
  a_stride_3: "u32",
  a_stride_4: "u32",
  b_stride_0: "u32",
  b_stride_1: "u32",
  b_stride_2: "u32",
  b_stride_3: "u32",
  b_stride_4: "u32",
} as const;

type Params = keyof typeof PARAMS;

const FLAT: Program<Params> = {
  name: "binary_flat",
  wgsl: flatWgsl,
  constants: { WORKGROUP },
  workgroups: ({ count }) => linearGrid(count, WORKGROUP),
};

/**
 * `y = a ∘ b` with broadcasting.
 *
 * y [size_0, …, size_4] has `count` elements; a and b are read through strides, 0 on a broadcast axis. Where
 * `period` is not 0 the strides are not looked at: a is as y, and b repeats after `period` elements.
 */
export const binaryKernel = defineKernel({
  name: "binary",
  wgsl,
  inputs: ["a", "b"],
  outputs: ["y"],
  params: PARAMS,
  constants: { WORKGROUP },
  workgroups: ({ count }) => linearGrid(count, WORKGROUP),
  variants: [FLAT],
  choose: ({ period }): Program<Params> => period > 0 ? FLAT : binaryKernel,
  cpu({ a, b, y }, p) {
    const f = FUNCTIONS[p.operation];
    if (p.period > 0) {
      for (let i = 0; i < p.count; i++) y[i] = f(a[i], b[i % p.period]);
      return;
    }
    let i = 0;
    for (let i0 = 0; i0 < p.size_0; i0++) {
      for (let i1 = 0; i1 < p.size_1; i1++) {
        for (let i2 = 0; i2 < p.size_2; i2++) {
          for (let i3 = 0; i3 < p.size_3; i3++) {
            const rowA = i0 * p.a_stride_0 + i1 * p.a_stride_1 + i2 * p.a_stride_2 + i3 * p.a_stride_3;
            const rowB = i0 * p.b_stride_0 + i1 * p.b_stride_1 + i2 * p.b_stride_2 + i3 * p.b_stride_3;
            for (let i4 = 0; i4 < p.size_4; i4++) {
              y[i++] = f(a[rowA + i4 * p.a_stride_4], b[rowB + i4 * p.b_stride_4]);
            }
          }
        }
      }
    }
  },
  fast({ a, b, y }, p, engine): void {
    if (p.period !== p.count) return binaryKernel.cpu({ a, b, y }, p);
    engine.loop(NAMES[p.operation], p.count, [a.byteOffset, b.byteOffset, y.byteOffset]);
  },
});
