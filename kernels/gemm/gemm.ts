// This module is browser compatible.
/** Plans a matrix product: which job, in which blocks. The plan changes speed, never the order of any sum. */

import { ceilDiv, type NumberArray } from "../kernel.ts";
import { evenBlock } from "./blocks.ts";
import { planBlas, suitsBlas } from "./blas.ts";
import type { GemmArguments } from "./engine.ts";
import { B_DIRECT, B_ROWS, B_TRANSPOSED, GEMM_SLOTS } from "./gemm_jobs.ts";
import { addressOf, type Machine } from "./machine.ts";
import { ADD_TO_C, reluFlag } from "./micro_kernel.ts";

/** Multiply-adds below which a job stays on the calling thread. */
export const SMALL_JOB = 1 << 18;
/** Longest piece of K over which packed panels are multiplied before C is written. */
const LONGEST_PIECE = 640;
/** Floats of A that stay in the second-level cache while a block of B passes over them. */
const BLOCK_A_FLOATS = 96 << 10;
/** Floats of B packed at once. */
export const BLOCK_B_FLOATS = 96 << 10;
/** Most rows of A for which B is not packed, and most where its rows are whole pages apart and collide in the caches. */
const MOST_DIRECT_ROWS = 32;
const MOST_COLLIDING_ROWS = 4;
const PAGE_BYTES = 4096;
/** How much of B is passed over at a time when it is not packed: columns, and floats. */
const DIRECT_COLUMNS = 1024;
const DIRECT_FLOATS = 64 << 10;
/** Shortest K for which adding up the lanes of dot products costs less than packing B, with many rows and with few. */
const SHORTEST_DOT = 120;
const SHORTEST_DOT_FEW = 40;
const FEW_ROWS = 16;
/** Tasks for each thread: enough that a thread which the system holds up does not hold up the others. */
export const TASKS_PER_THREAD = 4;

/** Elements from the first to the last one of `rows` rows of `length`. */
function extent(rows: number, row: number, length: number): number {
  return rows > 0 && length > 0 ? (rows - 1) * row + length : 0;
}

/**
 * `C[M, N] = op(A)[M, K] · op(B)[K, N] + bias + beta · C`, then ReLU where asked.
 *
 * @throws {RangeError} If an array is too short for the sizes and offsets given.
 */
export function gemm(machine: Machine, args: GemmArguments): void {
  const { a, b, c, M, N, K, bias, transposeA = false, transposeB = false } = args;
  const { offsetA = 0, offsetB = 0, offsetC = 0, batch = 1, beta = 0, relu = 0 } = args;
  const { lda = transposeA ? M : K, ldb = transposeB ? K : N, ldc = N } = args;
  const { strideA = 0, strideB = 0, strideC = 0 } = args;
  if (M <= 0 || N <= 0 || batch <= 0) return;
  const more = batch - 1;
  const at = (name: string, array: NumberArray, offset: number, length: number) =>
    addressOf(machine, { name, array }, offset, length);
  const aExtent = more * strideA + (transposeA ? extent(K, lda, M) : extent(M, lda, K));
  const bExtent = more * strideB + (transposeB ? extent(N, ldb, K) : extent(K, ldb, N));
  const values: Record<(typeof GEMM_SLOTS)[number], number> = {
    a: at("a", a, offsetA, aExtent),
    b: at("b", b, offsetB, bExtent),
    c: at("c", c, offsetC, more * strideC + extent(M, ldc, N)),
    bias: bias ? at("bias", bias, 0, N) : 0,
    M,
    N,
    K,
    aRow: 4 * lda,
    bRow: 4 * ldb,
    cRow: 4 * ldc,
    aBatch: 4 * strideA,
    bBatch: 4 * strideB,
    cBatch: 4 * strideC,
    flags: (beta === 1 ? ADD_TO_C : 0) | reluFlag(relu),
    blockM: M,
    blockN: N,
    blockK: K,
    tasksM: 1,
    tasksN: 1,
    serial: machine.nextSerial(),
    aTransposed: Number(transposeA),
    bForm: transposeB ? B_TRANSPOSED : B_ROWS,
    cColumn: 4,
    biasRow: 0,
    biasColumn: bias ? 4 : 0,
  };
  if (suitsBlas(machine, { M, N, K })) {
    const { alone } = planBlas(machine, values, batch);
    return runGemm(machine, "blas", { values, batch, alone });
  }
  const alone = machine.threads === 1 || batch * M * N * K < SMALL_JOB;
  const tasks = alone ? 1 : ceilDiv(machine.threads * TASKS_PER_THREAD, batch);
  // A column of [K, 1] rows lies in memory as one row [1, K] does.
  const bAlongK = transposeB || (N === 1 && ldb === 1);
  const aAlongK = !transposeA || (M === 1 && lda === 1);
  let job = "gemm";
  const shortest = M <= FEW_ROWS ? SHORTEST_DOT_FEW : SHORTEST_DOT;
  if (aAlongK && bAlongK && (K >= shortest || N === 1)) {
    job = "dot";
    planDot(values, tasks);
  } else planPanels(values, tasks);
  runGemm(machine, job, { values, batch, alone });
}

type Values = Record<(typeof GEMM_SLOTS)[number], number>;

function runGemm(
  machine: Machine,
  job: string,
  { values, batch, alone }: { values: Values; batch: number; alone: boolean },
): void {
  machine.run(job, {
    values: GEMM_SLOTS.map((name) => values[name]),
    tasks: values.tasksM * values.tasksN * batch,
    alone,
  });
}

/** Dot products: the operand with more rows plays B, whose tiles are wider. */
function planDot(v: Values, tasks: number): void {
  if (v.M > v.N && v.N < 6) {
    [v.a, v.b] = [v.b, v.a];
    [v.M, v.N] = [v.N, v.M];
    [v.aRow, v.bRow] = [v.bRow, v.aRow];
    [v.aBatch, v.bBatch] = [v.bBatch, v.aBatch];
    [v.cRow, v.cColumn] = [v.cColumn, v.cRow];
    [v.biasRow, v.biasColumn] = [v.biasColumn, v.biasRow];
  }
  v.blockM = evenBlock(v.M, BLOCK_A_FLOATS / v.K, 2);
  v.tasksM = ceilDiv(v.M, v.blockM);
  v.blockN = evenBlock(v.N, v.N / (tasks / v.tasksM), 6);
  v.tasksN = ceilDiv(v.N, v.blockN);
}

/** Tiles over panels of B, packed; or over strips of it as it lies, where few rows of A share each panel. */
function planPanels(v: Values, tasks: number): void {
  const mostRows = v.bRow % PAGE_BYTES === 0 ? MOST_COLLIDING_ROWS : MOST_DIRECT_ROWS;
  if (v.bForm === B_ROWS && !v.aTransposed && v.M <= mostRows) {
    v.bForm = B_DIRECT;
    v.blockN = evenBlock(v.N, Math.min(DIRECT_COLUMNS, v.N / tasks), 48);
    v.tasksN = ceilDiv(v.N, v.blockN);
    v.blockK = evenBlock(Math.max(1, v.K), DIRECT_FLOATS / Math.min(v.N, DIRECT_COLUMNS), 4);
    return;
  }
  v.blockK = v.K === 0 ? 1 : evenBlock(v.K, LONGEST_PIECE, 4);
  v.blockM = evenBlock(v.M, BLOCK_A_FLOATS / v.blockK, 12);
  v.tasksM = ceilDiv(v.M, v.blockM);
  v.blockN = evenBlock(v.N, Math.min(BLOCK_B_FLOATS / v.blockK, v.N / (tasks / v.tasksM)), 16);
  v.tasksN = ceilDiv(v.N, v.blockN);
  if (v.tasksM * v.tasksN < tasks) { // Too few columns: rows must make the tasks.
    v.blockM = evenBlock(v.M, v.M / (tasks / v.tasksN), 12);
    v.tasksM = ceilDiv(v.M, v.blockM);
  }
}
