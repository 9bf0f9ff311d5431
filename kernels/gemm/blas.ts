// This module is browser compatible.
/**
 * The system's BLAS as the engine sees it: one function, which jobs call for the products that it is faster at.
 *
 * The threads stay the engine's: each calls the function for its own tasks, on one thread. A library's own pool
 * beside the engine's would fight with it for the cores.
 */

import type { GEMM_SLOTS } from "./gemm_jobs.ts";
import type { Machine } from "./machine.ts";
import { evenBlock } from "./blocks.ts";
import { ceilDiv } from "../kernel.ts";

/**
 * `C[M, N] = op(A) · op(B) + beta · C`, row-major, in single precision; addresses are bytes of the engine's memory,
 * leading dimensions are elements, transposes and beta 0 or 1. All are 32-bit integers, addresses unsigned ones.
 */
export type Sgemm = (
  transposeA: number,
  transposeB: number,
  M: number,
  N: number,
  K: number,
  a: number,
  lda: number,
  b: number,
  ldb: number,
  beta: number,
  c: number,
  ldc: number,
) => void;

/** Names of {@linkcode Sgemm}'s parameters, in order. */
export const SGEMM_PARAMETERS = [
  ...["transposeA", "transposeB", "M", "N", "K"],
  ...["a", "lda", "b", "ldb", "beta", "c", "ldc"],
] as const;

/** A library that multiplies matrices in the engine's shared memory. */
export interface Blas {
  /** For the device line: "OpenBLAS 0.3.21". */
  readonly name: string;
  /** Its function over a memory, on this thread. */
  open(memory: WebAssembly.Memory): Sgemm;
  /**
   * JavaScript whose value in a worker is a function as {@linkcode Blas.open}. Without it the calling thread alone
   * calls the library, which then shares the work between threads of its own.
   */
  readonly workerSource?: string;
}

/** Fewest rows and columns of C, and of K, for which it is faster than the engine's own tiles. */
const LEAST_SIDE = 8;
const LEAST_DEPTH = 8;
/** Multiply-adds that are worth the call's microsecond, and those that are worth waking a thread. */
const LEAST_WORK = 32 ** 3;
export const SMALL_BLAS_JOB = 1 << 20;
/** Tasks for each thread: each packs its own copies, so as few as still even out. */
const TASKS_PER_THREAD = 2;
/** Smallest block of C that a task gets, in rows and in columns. */
const LEAST_BLOCK = 32;

/** Whether a product goes to the system's BLAS: by its size alone. */
export function suitsBlas(machine: Machine, sizes: { M: number; N: number; K: number }): boolean {
  const { M, N, K } = sizes;
  return machine.blas !== "none" && Math.min(M, N) >= LEAST_SIDE && K >= LEAST_DEPTH &&
    M * N * K >= LEAST_WORK;
}

/** Cuts C into blocks: along its longer side first, since each block packs its own copy of the other operand. */
export function planBlas(
  machine: Machine,
  v: Record<(typeof GEMM_SLOTS)[number], number>,
  batch: number,
): { alone: boolean } {
  const alone = machine.threads === 1 || machine.blas === "alone" || batch * v.M * v.N * v.K < SMALL_BLAS_JOB;
  const tasks = alone ? 1 : ceilDiv(machine.threads * TASKS_PER_THREAD, batch);
  const along = (total: number, parts: number) =>
    evenBlock(total, Math.max(LEAST_BLOCK, total / Math.max(1, parts)), 16);
  if (v.M >= v.N) {
    v.blockM = along(v.M, tasks);
    v.tasksM = ceilDiv(v.M, v.blockM);
    v.blockN = along(v.N, tasks / v.tasksM);
  } else {
    v.blockN = along(v.N, tasks);
    v.blockM = along(v.M, tasks / ceilDiv(v.N, v.blockN));
  }
  v.tasksM = ceilDiv(v.M, v.blockM);
  v.tasksN = ceilDiv(v.N, v.blockN);
  return { alone };
}
