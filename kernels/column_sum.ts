// This module is browser compatible.
import { ceilDiv, defineKernel, linearGrid, type Program } from "./kernel.ts";
import wgsl from "./column_sum.wgsl" with { type: "text" };
import workgroupWgsl from "./column_sum_workgroup.wgsl" with { type: "text" };

const WORKGROUP = 64;
type GridParam = "batch" | "shares" | "N";

const columnSumWorkgroup: Program<GridParam> = {
  name: "column_sum_workgroup",
  wgsl: workgroupWgsl,
  workgroups: ({ batch, shares, N }) => linearGrid(batch * shares * ceilDiv(N, 32), 1),
};

/** Rows that are added up before their sum joins the others. */
const BLOCK = 64;

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
  variants: [columnSumWorkgroup],
  choose: (_, { software }): Program<GridParam> => software ? columnSumKernel : columnSumWorkgroup,
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
  fast({ x, y }, { batch, M, N, ld, offset, stride, shares, beta, scale }, engine): void {
    // Without gaps between rows, `shares` rows are one wide row, and a share is a column of those.
    const wide = shares > 1 && ld === N;
    const rows = wide ? Math.floor(M / shares) : M; // at least 1: there are no more shares than rows
    const [columns, rowBytes] = wide ? [shares * N, 4 * shares * N] : [N, 4 * ld];
    if (shares > 1 && !wide) {
      return columnSumKernel.cpu({ x, y }, { batch, M, N, ld, offset, stride, shares, beta, scale });
    }
    for (let b = 0; b < batch; b++) {
      const from = x.byteOffset + 4 * (offset + b * stride);
      const to = y.byteOffset + 4 * b * columns;
      for (let row = 0; row < rows; row += BLOCK) { // in blocks, for the rounding error
        const count = Math.min(BLOCK, rows - row);
        const add = row > 0 ? 1 : beta;
        engine.loop("column_sum", count, [from + row * rowBytes, to, columns, rowBytes, add, scale], count);
      }
      const left = (M - rows * shares) * N; // of a last wide row that is not full
      if (wide && left > 0) engine.loop("axpy", left, [from + rows * rowBytes, to, scale]);
    }
  },
});
