// This module is browser compatible.
/** Opens the engine: its memory, its module, its threads. */

import { conv2dBackwardWeight } from "./conv_weight.ts";
import { conv2d, conv2dBackwardInput } from "./conv.ts";
import type { Blas } from "./blas.ts";
import type { CpuEngine } from "./engine.ts";
import { gemm } from "./gemm.ts";
import { runLoop } from "./loops.ts";
import { buildModule, hasRelaxedSimd } from "./module.ts";
import { MOST_WORKERS } from "./pool_jobs.ts";
import { Pool, reservedBytes } from "./pool.ts";

/** Bytes of a WebAssembly page, and of what the engine's sizes are told in. */
const PAGE = 65536;
const MIB = 2 ** 20;
/** The most that 32-bit addresses reach. */
const MOST_MEGABYTES = 4096;
/** Most threads by default: more gain little on matrices of this project's sizes. */
const DEFAULT_MOST_THREADS = 16;

/** Options of {@linkcode openEngine}. */
export interface EngineOptions {
  /** Threads that compute, the calling one included. Default: the machine's logical processors, at most 16. */
  readonly threads?: number;
  /** How far the memory may grow, in MiB. Default: as far as the machine allows, at most 4096. */
  readonly maximumMegabytes?: number;
  /** Whether to use the fused multiply-add of relaxed SIMD. Default: where the machine has it. */
  readonly relaxed?: boolean;
  /** The system's BLAS, for the products that it is faster at. Default: none; results depend on it. */
  readonly blas?: Blas;
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
 * A memory with room for `initial` bytes and more. Asks for less where there is too little.
 *
 * Shared memory has its full length from the start, of which the system provides what is touched: V8 tells other threads
 * of a growth late, and about one in 200 then finds the new bytes out of bounds.
 */
function openMemory(initial: number, shared: boolean, maximumMegabytes?: number) {
  for (let maximum = maximumMegabytes ?? MOST_MEGABYTES;; maximum /= 2) {
    // A page less than all: an address past the end must trap, not begin at 0 again.
    const maximumPages = Math.min(65535, Math.floor(maximum * MIB / PAGE));
    try {
      const length = shared && maximumPages > initial / PAGE ? maximumPages : initial / PAGE;
      const memory = new WebAssembly.Memory({ initial: length, maximum: maximumPages, shared });
      return { memory, maximumPages };
    } catch (error) {
      if (maximumMegabytes === undefined && maximum / 2 * MIB > 2 * initial) continue;
      const [needed, limit] = [Math.ceil(initial / MIB), Math.round(maximum)];
      throw new RangeError(
        `Cannot open the CPU engine: ${needed} MiB and room to grow up to ${limit} MiB are not to be had, ` +
          `use fewer threads or another maximumMegabytes`,
        { cause: error },
      );
    }
  }
}

/**
 * Opens the SIMD engine.
 *
 * Without shared memory, or where workers do not start, it computes on the calling thread; `description` says so.
 *
 * @throws {RangeError} If there is no room for the memory or `threads` is more than 64.
 */
export async function openEngine(options: EngineOptions = {}): Promise<CpuEngine> {
  const { relaxed = hasRelaxedSimd(), maximumMegabytes } = options;
  const cores = Math.min(DEFAULT_MOST_THREADS, navigator.hardwareConcurrency || 1);
  const wanted = Math.max(1, Math.floor(options.threads ?? cores));
  if (wanted > MOST_WORKERS + 1) {
    throw new RangeError(`Cannot use ${wanted} threads: at most ${MOST_WORKERS + 1} are possible`);
  }
  const shared = canShare();
  const threads = shared ? wanted : 1;
  const heapStart = reservedBytes(threads);
  const { memory, maximumPages } = openMemory(heapStart, shared, maximumMegabytes);
  // Memory that is not shared may move when it grows: the library would not find it.
  const blas = shared ? options.blas : undefined;
  const module = buildModule({ relaxed, shared, maximumPages, blas: blas !== undefined });
  const pool = new Pool(module, memory, blas);
  let problem = "";
  try {
    await pool.start(threads - 1);
  } catch (error) {
    problem = ` (workers did not start: ${error instanceof Error ? error.message : error})`;
  }
  let used = heapStart;
  const kind = `${blas ? `${blas.name}, ` : ""}${relaxed ? "relaxed SIMD 6×8" : "SIMD 4×8"}`;
  return {
    memory,
    get threads() {
      return pool.threads;
    },
    description: `${kind}, ${pool.threads} ${pool.threads === 1 ? "thread" : "threads"}${problem}`,
    heapStart,
    get bytes() {
      return used;
    },
    grow(bytes) {
      const start = used;
      const end = start + Math.ceil(bytes / PAGE) * PAGE;
      if (end > maximumPages * PAGE) throw tooLong(end - start, { held: start, most: maximumPages * PAGE });
      if (end > memory.buffer.byteLength) lengthen(memory, end - start);
      pool.noteGrowth();
      used = end;
      return start;
    },
    gemm: (args) => gemm(pool, args),
    conv2d: (buffers, shape, options) => conv2d(pool, buffers, shape, options),
    conv2dBackwardInput: (buffers, shape) => conv2dBackwardInput(pool, buffers, shape),
    conv2dBackwardWeight: (buffers, shape) => conv2dBackwardWeight(pool, buffers, shape),
    loop: (name, count, args, grain = 1) => runLoop(pool, module.loops, { name, count, args, grain }),
    close: () => pool.close(),
  };
}

/** Makes a memory that is not shared longer. */
function lengthen(memory: WebAssembly.Memory, bytes: number): void {
  const held = memory.buffer.byteLength;
  try {
    memory.grow(bytes / PAGE);
  } catch (error) {
    throw tooLong(bytes, { held, cause: error });
  }
}

function tooLong(
  more: number,
  { held, most, cause }: { readonly held: number; readonly most?: number; readonly cause?: unknown },
): RangeError {
  const limit = most === undefined
    ? "the system gives no more"
    : `the limit is ${Math.floor(most / MIB)} MiB`;
  const [wanted, has] = [Math.ceil(more / MIB), Math.round(held / MIB)];
  return new RangeError(`Cannot grow the CPU memory by ${wanted} MiB: it holds ${has} MiB, ${limit}`, {
    cause,
  });
}
