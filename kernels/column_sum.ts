// This module is browser compatible.
import { defineKernel, linearGrid } from "./kernel.ts";
import wgsl from "./column_sum.wgsl" with { type: "text" };

const WORKGROUP = 64;

/**
 * Sums of columns: `y[batch, shares, N] = scale · Σ x`, plus y where `beta` is 1.
 *
 * x holds `batch` matrices [M, N]; element (b, m, n) is `x[offset + b * stride + m * ld + n]`. Share r adds up the
 * rows r, r + shares, r + 2 · shares … With `shares` 1, y is [batch, N].
 */
export const columnSumKernel = defineKernel({
  name: "column_sum",
  wgsl,
  inputs: ["x"],
  outputs: ["y"],
  params: {
    batch: "u32",
    M: "u32",
    N: "u32",
    ld: "u32",
    offset: "u32",
    stride: "u32",
    shares: "u32",
    beta: "u32",
    scale: "f32",
  },
  constants: { WORKGROUP },
  workgroups: ({ batch, shares, N }) => linearGrid(batch * shares * N, WORKGROUP),
  cpu({ x, y }, { batch, M, N, ld, offset, stride, shares, beta, scale }) {
    for (let b = 0; b < batch; b++) {
      for (let r = 0; r < shares; r++) {
        for (let n = 0; n < N; n++) {
          let sum = 0;
          for (let m = r; m < M; m += shares) sum += x[offset + b * stride + m * ld + n];
          const at = (b * shares + r) * N + n;
          y[at] = sum * scale + (beta ? y[at] : 0);
        }
      }
    }
  },
  fast({ x, y }, { batch, M, N, ld, offset, stride, shares, beta, scale }) {
    const width = shares * N;
    const sums = new Float64Array(width);
    for (let b = 0; b < batch; b++) {
      sums.fill(0);
      let at = 0;
      for (let m = 0; m < M; m++) {
        const row = offset + b * stride + m * ld;
        for (let n = 0; n < N; n++) sums[at + n] += x[row + n];
        at += N;
        if (at === width) at = 0;
      }
      const first = b * width;
      for (let i = 0; i < width; i++) y[first + i] = sums[i] * scale + (beta ? y[first + i] : 0);
    }
  },
});
