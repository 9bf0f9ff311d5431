// This module is browser compatible.
/** What an adapter can do at most, measured: the scale that kernels are held against. */

import { ceilDiv, defineKernel, linearGrid } from "../../kernels/kernel.ts";
import type { Backend } from "../backend/backend.ts";
import copyWgsl from "./peak_copy.wgsl" with { type: "text" };
import fmaWgsl from "./peak_fma.wgsl" with { type: "text" };

/** The most that a device was seen to do. */
export interface Peak {
  /** Arithmetic in f32, a multiply-add counted as two. */
  readonly gflops: number;
  /** Memory read and written. */
  readonly gigabytesPerSecond: number;
}

/** Values of one invocation, and repetitions in one step of its loop. */
const [VALUES, UNROLLED] = [32, 4];
const FACTOR = 0.999;
const SHIFT = 0.5;
const FMA_WORKGROUP = 64;
const COPY_WORKGROUP = 256;

/** y[i] = sum of 32 values `x = x · factor + shift` after 4 · steps repetitions, the first `i % 64 + chain`. */
export const peakFmaKernel = defineKernel({
  name: "peak_fma",
  wgsl: fmaWgsl,
  inputs: [],
  outputs: ["y"],
  params: { count: "u32", steps: "u32", factor: "f32", shift: "f32" },
  constants: { WORKGROUP: FMA_WORKGROUP },
  workgroups: ({ count }) => linearGrid(count, FMA_WORKGROUP),
  cpu({ y }, { count, steps, factor, shift }) {
    for (let i = 0; i < count; i++) {
      y[i] = 0;
      for (let chain = 0; chain < VALUES / 4; chain++) {
        let x = i % 64 + chain;
        for (let step = 0; step < UNROLLED * steps; step++) x = x * factor + shift;
        y[i] += 4 * x;
      }
    }
  },
});

/** `y = x`, both [4 · count]. */
export const peakCopyKernel = defineKernel({
  name: "peak_copy",
  wgsl: copyWgsl,
  inputs: ["x"],
  outputs: ["y"],
  params: { count: "u32" },
  constants: { WORKGROUP: COPY_WORKGROUP },
  workgroups: ({ count }) => linearGrid(count, COPY_WORKGROUP),
  cpu({ x, y }, { count }) {
    for (let i = 0; i < 4 * count; i++) y[i] = x[i];
  },
});

/** Numbers copied: 64 MiB read and as many written. */
const COPIED = 16 << 20;
/** Invocations of the arithmetic: enough for the largest GPUs. On software adapters fewer do. */
const INVOCATIONS = { software: 1 << 14, hardware: 1 << 18 } as const;
const ROUNDS = 5;
const ROUND_MS = 100;

/**
 * Measures a GPU, the best of several rounds.
 *
 * @param software Whether a CPU plays the GPU.
 * @throws {Error} If the results are wrong: nothing can be held against such a peak.
 */
export async function measurePeak(
  backend: Backend,
  { software }: { readonly software: boolean },
): Promise<Peak> {
  const count = INVOCATIONS[software ? "software" : "hardware"];
  const y = backend.alloc(count);
  const arithmetic = (steps: number) =>
    backend.run(peakFmaKernel, { y }, { count, steps, factor: FACTOR, shift: SHIFT });
  let steps = 32;
  const timedFma = async () => {
    const start = performance.now();
    arithmetic(steps);
    await backend.read(y);
    return performance.now() - start;
  };
  await timedFma(); // compiles
  while (await timedFma() < ROUND_MS && steps < 1 << 20) steps *= 2;
  const fmaMs = await bestOf(timedFma);
  checkFma(await backend.read(y), steps);
  backend.free(y);

  const from = backend.alloc(COPIED);
  const to = backend.alloc(COPIED);
  backend.write(from, Float32Array.from({ length: 4096 }, (_, i) => i + 1), COPIED - 4096);
  const end = backend.alloc(1);
  let copies = 1;
  const timedCopy = async () => {
    const start = performance.now();
    for (let i = 0; i < copies; i++) backend.run(peakCopyKernel, { x: from, y: to }, { count: COPIED / 4 });
    await backend.read(end);
    return performance.now() - start;
  };
  const once = (await timedCopy(), await timedCopy());
  copies = Math.max(1, Math.min(1000, ceilDiv(ROUND_MS, once)));
  const copyMs = await bestOf(timedCopy);
  const copied = await backend.read(to);
  if (copied[COPIED - 1] !== 4096) throw wrong("copy", copied[COPIED - 1], 4096);
  for (const storage of [from, to, end]) backend.free(storage);
  return {
    gflops: 2 * VALUES * UNROLLED * steps * count / fmaMs / 1e6,
    gigabytesPerSecond: 8 * COPIED * copies / copyMs / 1e6,
  };
}

/** After n repetitions x is `factorⁿ · x + shift · (1 - factorⁿ) / (1 - factor)`. */
function checkFma(got: ArrayLike<number>, steps: number): void {
  const shrunk = FACTOR ** (UNROLLED * steps);
  for (const i of [0, 63, got.length - 1]) {
    const sumOfFirst = VALUES * (i % 64) + 4 * 28;
    const right = shrunk * sumOfFirst + VALUES * SHIFT * (1 - shrunk) / (1 - FACTOR);
    if (!(Math.abs(got[i] - right) <= 1e-3 * right)) throw wrong("arithmetic", got[i], right);
  }
}

function wrong(what: string, got: number, right: number): Error {
  return new Error(
    `Cannot measure the adapter's peak: its ${what} gave ${got}, it should be ${right}; its driver is at fault`,
  );
}

async function bestOf(timed: () => Promise<number>): Promise<number> {
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) best = Math.min(best, await timed());
  return best;
}
