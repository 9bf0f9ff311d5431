// This module is browser compatible.
/** The CPU's fast primitive: SIMD matrix products, convolutions and loops in WebAssembly on a pool of threads. */

import { conv2d, conv2dBackwardInput, conv2dBackwardWeight } from "./conv.ts";
import type { CpuEngine, GemmArguments } from "./engine.ts";
import { gemm } from "./gemm.ts";
import { runLoop } from "./loops.ts";
import { buildModule, hasRelaxedSimd } from "./module.ts";
import { Pool, reservedBytes } from "./pool.ts";

export type { ConvShape, CpuEngine, GemmArguments } from "./engine.ts";

/** Bytes of a WebAssembly page. */
const PAGE = 65536;
/** Most threads by default: more gain little on matrices of this project's sizes. */
const MOST_THREADS = 16;

/** Options of {@linkcode openEngine}. */
export interface EngineOptions {
  /** Threads that compute, the calling one included. Default: the machine's cores, at most 16. */
  readonly threads?: number;
  /** How far the memory may grow, in MiB. Default 4096, the most there is. */
  readonly maximumMegabytes?: number;
  /** Whether to use the fused multiply-add of relaxed SIMD. Default: where the machine has it. */
  readonly relaxed?: boolean;
}

/** Whether this thread may share memory with workers and wait for them (a browser's main thread may not). */
function canShare(): boolean {
  if (typeof SharedArrayBuffer === "undefined" || typeof Worker === "undefined") return false;
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1);
    return true;
  } catch (error) {
    if (error instanceof TypeError) return false; // "Atomics.wait cannot be called in this context"
    throw error;
  }
}

/**
 * Opens the SIMD engine: its memory, its module and its threads.
 *
 * @throws {RangeError} If the machine has no room for the memory.
 */
export async function openEngine(options: EngineOptions = {}): Promise<CpuEngine> {
  const { relaxed = hasRelaxedSimd(), maximumMegabytes = 4096 } = options;
  const shared = canShare();
  const cores = Math.min(MOST_THREADS, navigator.hardwareConcurrency || 1);
  const threads = shared ? Math.max(1, Math.floor(options.threads ?? cores)) : 1;
  const heapStart = reservedBytes(threads);
  const maximumPages = Math.min(65536, Math.floor(maximumMegabytes * 2 ** 20 / PAGE));
  const initial = heapStart / PAGE;
  const memory = new WebAssembly.Memory({ initial, maximum: maximumPages, shared });
  const module = buildModule({ relaxed, shared, maximumPages });
  const pool = new Pool(module, memory);
  let problem = "";
  try {
    await pool.start(threads - 1);
  } catch (error) {
    if (error instanceof RangeError) throw error;
    problem = ` (workers did not start: ${error instanceof Error ? error.message : error})`;
  }
  const kind = relaxed ? "relaxed SIMD 6×8" : "SIMD 4×8";
  const description = `${kind}, ${pool.threads} ${pool.threads === 1 ? "thread" : "threads"}${problem}`;
  return {
    memory,
    get threads() {
      return pool.threads;
    },
    description,
    heapStart,
    grow(bytes) {
      const pages = Math.ceil(bytes / PAGE);
      const before = memory.buffer.byteLength;
      try {
        memory.grow(pages);
      } catch (error) {
        const [held, limit] = [before, maximumPages * PAGE].map((size) =>
          `${Math.round(size / 2 ** 20)} MiB`
        );
        throw new RangeError(
          `Cannot grow the CPU memory by ${
            Math.ceil(bytes / 2 ** 20)
          } MiB: it holds ${held}, the limit is ${limit}`,
          { cause: error },
        );
      }
      return before;
    },
    gemm: (args: GemmArguments) => gemm(pool, args),
    conv2d: (buffers, shape, options) => conv2d(pool, buffers, shape, options),
    conv2dBackwardInput: (buffers, shape) => conv2dBackwardInput(pool, buffers, shape),
    conv2dBackwardWeight: (buffers, shape) => conv2dBackwardWeight(pool, buffers, shape),
    loop: (name, count, args, grain = 1) => runLoop(pool, module.loops, { name, count, args, grain }),
    close: () => pool.close(),
  };
}
