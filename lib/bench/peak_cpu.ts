// This module is browser compatible.
/** What a CPU can do at most in WebAssembly, measured on some of its cores at once. */

import { ModuleBuilder } from "../../kernels/gemm/assembler.ts";
import { hasRelaxedSimd } from "../../kernels/gemm/module.ts";
import type { Peak } from "./peak.ts";

/** Independent chains of four numbers: as many as the registers hold beside factor and shift. */
const CHAINS = 12;
/** Repetitions in one turn of the loop. */
const UNROLLED = 4;
const FACTOR = 0.999;
const SHIFT = 0.5;
/** Bytes copied from and to by each thread: more than its share of the caches. */
const COPIED_BYTES = 32 << 20;
const ROUNDS = 5;

/** A module with one function, `fma(steps)`: it writes the sum of all chains to address 0. */
function fmaModule(relaxed: boolean): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder(relaxed);
  const fma = module.define({ steps: "i32" }, (f, { steps }) => {
    const factor = f.v128(FACTOR);
    const shift = f.v128(SHIFT);
    const chains = Array.from({ length: CHAINS }, (_, i) => f.v128(i));
    f.repeat(() => {
      for (let i = 0; i < UNROLLED; i++) for (const x of chains) f.set(x, f.madd(x, factor, shift));
      f.step(steps, -1);
    }, steps.ne(0));
    const sum = f.v128(0);
    for (const x of chains) f.set(sum, sum.add(x));
    f.store(f.i32(0), sum);
  });
  module.export("fma", fma);
  return module.bytes({ shared: false, maximumPages: 1 });
}

/** What a thread is asked to do: work alone, all threads at the same time. */
interface Task {
  readonly kind: "fma" | "copy";
  readonly times: number;
  /** When to begin, in milliseconds of the clock that all threads share. */
  readonly startAt: number;
}

/** Runs in the worker. Nothing outside this function exists there. */
function workerMain(): void {
  // The page's and the worker's global scopes are one type here; in a worker both take a message alone.
  const scope = globalThis as unknown as {
    onmessage: ((event: MessageEvent) => void) | null;
    postMessage(message: unknown): void;
  };
  const now = () => performance.timeOrigin + performance.now();
  scope.onmessage = (
    { data: { bytes, copied } }: MessageEvent<{ bytes: Uint8Array<ArrayBuffer>; copied: number }>,
  ) => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
    const fma = instance.exports.fma as (steps: number) => void;
    const from = new Float32Array(copied / 4).fill(1);
    const to = new Float32Array(copied / 4);
    scope.onmessage = ({ data: { kind, times, startAt } }: MessageEvent<Task>) => {
      while (now() < startAt); // so that all threads begin together
      const start = now();
      if (kind === "fma") fma(times);
      else for (let i = 0; i < times; i++) to.set(from);
      scope.postMessage({
        ms: now() - start,
        result: kind === "fma" ? new Float32Array(memory.buffer)[0] : to[to.length - 1],
      });
    };
    scope.postMessage("ready");
  };
}

/**
 * Measures the CPU with some of its cores at work, the best of several rounds.
 *
 * @throws {Error} If a result is wrong.
 */
export async function measureCpuPeak(threads: number): Promise<Peak> {
  const url = URL.createObjectURL(new Blob([`(${workerMain})()`], { type: "text/javascript" }));
  const workers = Array.from({ length: threads }, () => new Worker(url, { type: "module" }));
  const bytes = fmaModule(hasRelaxedSimd());
  const ask = (worker: Worker, message: unknown) => {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(`Cannot measure the CPU's peak: ${event.message}`));
    };
    worker.postMessage(message);
    return promise;
  };
  try {
    await Promise.all(workers.map((worker) => ask(worker, { bytes, copied: COPIED_BYTES })));
    const round = async (kind: Task["kind"], times: number) => {
      const startAt = performance.timeOrigin + performance.now() + 5;
      const answers = await Promise.all(workers.map((worker) => ask(worker, { kind, times, startAt })));
      const each = answers as { ms: number; result: number }[]; // as workerMain posts them
      const right = kind === "copy" ? 1 : expectedSum(times);
      const bad = each.find(({ result }) => !(Math.abs(result - right) <= 1e-3 * right));
      if (bad) {
        throw new Error(
          `Cannot measure the CPU's peak: its ${kind} gave ${bad.result}, it should be ${right}`,
        );
      }
      return Math.max(...each.map(({ ms }) => ms));
    };
    const best = async (kind: Task["kind"], times: number) => {
      let ms = Infinity;
      for (let i = 0; i < ROUNDS; i++) ms = Math.min(ms, await round(kind, times));
      return ms;
    };
    const [steps, copies] = [400_000, 4];
    const fmaMs = await best("fma", steps);
    const copyMs = await best("copy", copies);
    return {
      gflops: threads * steps * UNROLLED * CHAINS * 4 * 2 / fmaMs / 1e6,
      gigabytesPerSecond: threads * copies * 2 * COPIED_BYTES / copyMs / 1e6,
    };
  } finally {
    for (const worker of workers) worker.terminate();
    URL.revokeObjectURL(url);
  }
}

/** The first lane's sum over all chains: after n repetitions x is `factorⁿ · x + shift · (1 - factorⁿ) / (1 - factor)`. */
function expectedSum(steps: number): number {
  const shrunk = FACTOR ** (UNROLLED * steps);
  const first = CHAINS * (CHAINS - 1) / 2;
  return shrunk * first + CHAINS * SHIFT * (1 - shrunk) / (1 - FACTOR);
}
