// This module is browser compatible.
/** What the CPU's fast paths are given: shared memory, matrix products and convolutions in SIMD. */

import type { NumberArray } from "../kernel.ts";

/** `C[M, N] = op(A)[M, K] · op(B)[K, N] + bias + beta · C`, then ReLU where asked, row-major, repeated `batch` times. */
export interface GemmArguments {
  readonly a: NumberArray;
  readonly b: NumberArray;
  readonly c: NumberArray;
  readonly M: number;
  readonly N: number;
  readonly K: number;
  /** A is stored [K, M]. Default false: [M, K]. */
  readonly transposeA?: boolean;
  /** B is stored [N, K]. Default false: [K, N]. */
  readonly transposeB?: boolean;
  /** Elements from one stored row to the next. Defaults: the row's own length. */
  readonly lda?: number;
  readonly ldb?: number;
  readonly ldc?: number;
  /** Elements before the first one used. Default 0. */
  readonly offsetA?: number;
  readonly offsetB?: number;
  readonly offsetC?: number;
  /** Products in the batch, and elements from one to the next. Defaults 1 and 0 (0 = shared by all). */
  readonly batch?: number;
  readonly strideA?: number;
  readonly strideB?: number;
  readonly strideC?: number;
  /** 0 overwrites C (whatever it held, NaN included), 1 adds to it. Default 0. */
  readonly beta?: 0 | 1;
  /** Added to every row: [N]. */
  readonly bias?: NumberArray;
  /** What is applied to the result, by its number in `RELUS`. Default 0: nothing. */
  readonly relu?: number;
}

/** Shapes of a convolution. Images NHWC, weights [kh, kw, Cin / groups, Cout]. */
export interface ConvShape {
  readonly batch: number;
  readonly inHeight: number;
  readonly inWidth: number;
  readonly inChannels: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly outChannels: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly stride: number;
  readonly padding: number;
  readonly groups: number;
}

/** SIMD compute on a pool of threads over one shared memory. All arrays are views of that memory. */
export interface CpuEngine {
  /** The memory that every array given to the engine lives in. */
  readonly memory: WebAssembly.Memory;
  /** Threads that compute, this one included. */
  readonly threads: number;
  /** What computes, for the device line: "relaxed SIMD 6×8, 2 threads". */
  readonly description: string;
  /** Bytes at the memory's start that are the engine's own; everything after them is the caller's. */
  readonly heapStart: number;
  /** Bytes in use, the engine's own included: the memory itself may be longer. */
  readonly bytes: number;
  /**
   * Takes at least `bytes` more of the memory into use (whole pages of 64 KiB). Views of shared memory stay valid, views
   * of memory that is not shared (one thread in a browser) die: make them anew from `memory.buffer`.
   *
   * @returns Where the new bytes begin: the bytes in use before.
   * @throws {RangeError} If the memory cannot grow that much.
   */
  grow(bytes: number): number;
  gemm(args: GemmArguments): void;
  /** y [B, oh, ow, Cout] = x [B, ih, iw, Cin] ⋆ weight (+ bias [Cout]), then the ReLU of that number in `RELUS`. */
  conv2d(
    buffers: { x: NumberArray; weight: NumberArray; y: NumberArray; bias?: NumberArray },
    shape: ConvShape,
    options?: { relu?: number },
  ): void;
  /** dX [B, ih, iw, Cin] from dY [B, oh, ow, Cout] and weight. */
  conv2dBackwardInput(
    buffers: { dY: NumberArray; weight: NumberArray; dX: NumberArray },
    shape: ConvShape,
  ): void;
  /** dWeight [kh, kw, Cin / groups, Cout] from x and dY. */
  conv2dBackwardWeight(
    buffers: { x: NumberArray; dY: NumberArray; dWeight: NumberArray },
    shape: ConvShape,
  ): void;
  /**
   * Runs a SIMD loop over `count` items, split between the threads; `kernels/gemm/loops.ts` lists the loops.
   *
   * @param args The loop's arguments in order: addresses in bytes, sizes, numbers.
   * @param grain For a loop with a result for each chunk, the items of a chunk; else chunks are its multiples.
   * @throws {RangeError} If there is no such loop or the arguments are too few or too many.
   */
  loop(name: string, count: number, args: readonly number[], grain?: number): void;
  /** Ends the pool. The memory stays readable. */
  close(): void;
}
