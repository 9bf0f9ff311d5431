// This module is browser compatible.
/** Sums of columns, such as a bias' gradient. Not recorded: for the insides of ops. */

import { columnSumKernel } from "../../kernels/column_sum.ts";
import type { Backend, Storage } from "../backend/backend.ts";
import { Tensor } from "../tensor.ts";

/** Columns up to this length are summed in one run, longer ones in two. */
const LONG = 256;

/** Sums of the columns of x, read as [rows, columns]. */
export function columnSum(x: Tensor, columns: number): Tensor {
  const y = new Tensor(x.backend, [columns], { label: "column_sum" });
  runColumnSum(x.backend, { x: x.storage, y: y.storage }, { M: x.length / columns, N: columns });
  return y;
}

/** Which columns to sum. */
export interface ColumnSum {
  /** Rows and columns of each matrix. */
  readonly M: number;
  readonly N: number;
  /** Matrices, one after another. Default 1. */
  readonly batch?: number;
  /** Elements from one row to the next. Default N. */
  readonly ld?: number;
  /** Elements before the first one used. Default 0. */
  readonly offset?: number;
  /** 1 adds to what y holds. Default 0. */
  readonly beta?: 0 | 1;
  /** Factor of the sums. Default 1. */
  readonly scale?: number;
}

/** `y[batch, N] = scale · Σ x + beta · y` over the M rows of each matrix of x. */
export function runColumnSum(
  backend: Backend,
  { x, y }: { readonly x: Storage; readonly y: Storage },
  { M, N, batch = 1, ld = N, offset = 0, beta = 0, scale = 1 }: ColumnSum,
): void {
  const whole = { batch, M, N, ld, offset, stride: M * ld, shares: 1, beta, scale };
  if (M <= LONG) return backend.run(columnSumKernel, { x, y }, whole);
  // So many shares that both runs walk about as far.
  const shares = Math.ceil(Math.sqrt(M));
  const partial = backend.alloc(batch * shares * N);
  backend.run(columnSumKernel, { x, y: partial }, { ...whole, shares, beta: 0, scale: 1 });
  const rest = { ...whole, M: shares, ld: N, offset: 0, stride: shares * N };
  backend.run(columnSumKernel, { x: partial, y }, rest);
  backend.free(partial);
}
