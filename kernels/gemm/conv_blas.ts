// This module is browser compatible.
/** Plans convolutions for the system's BLAS: which suit it, and in which chunks. */

import { ceilDiv } from "../kernel.ts";
import { SMALL_BLAS_JOB } from "./blas.ts";
import { CONV_BLAS_SLOTS } from "./conv_blas_jobs.ts";
import type { ConvShape } from "./engine.ts";
import type { Machine } from "./machine.ts";
import { AREA_B_BYTES } from "./scratch.ts";

/** Fewest channels for which writing patches out costs little beside the product. */
const LEAST_INPUTS = 8;
const LEAST_OUTPUTS = 32;
/** Floats of patches at once, and pixels that fill the library's own blocks. */
const CHUNK_FLOATS = 256 << 10;
const CHUNK_PIXELS = 512;
/** Fewest channels of a task of the weights' gradient, which writes out all patches for itself. */
const LEAST_BLOCK_N = 32;

/** The three passes: jobs of `conv_blas_jobs.ts`. */
export type ConvBlasJob = "conv_blas" | "conv_blas_input" | "conv_blas_weight";

/** Multiply-adds of a convolution. */
function workOf(s: ConvShape): number {
  const { batch, outHeight, outWidth, outChannels, kernelHeight, kernelWidth, inChannels } = s;
  return batch * outHeight * outWidth * outChannels * kernelHeight * kernelWidth * inChannels;
}

/** Whether the system's BLAS is faster than the engine's own way with a convolution: by its shape alone. */
export function suitsConvBlas(machine: Machine, s: ConvShape): boolean {
  const rowFloats = s.outWidth * s.kernelHeight * s.kernelWidth * s.inChannels;
  return machine.blas !== "none" && s.groups === 1 && s.inChannels >= LEAST_INPUTS &&
    s.outChannels >= LEAST_OUTPUTS && 4 * rowFloats <= AREA_B_BYTES && workOf(s) >= SMALL_BLAS_JOB;
}

/** Runs a convolution or one of its gradients; x, weight, y and bias are addresses, y that of dY in the gradients. */
export function runConvBlas(
  machine: Machine,
  job: ConvBlasJob,
  at: { x: number; weight: number; y: number; bias?: number; flags?: number },
  s: ConvShape,
): void {
  const alone = machine.threads === 1 || machine.blas === "alone";
  const threads = alone ? 1 : machine.threads;
  const pixels = s.outHeight * s.outWidth;
  // The weights' gradient: each task writes the patches of some rows of the kernel.
  const parts = job === "conv_blas_weight" ? threads : 1;
  const tasksN = Math.max(1, Math.min(parts, Math.floor(s.outChannels / LEAST_BLOCK_N)));
  const blockN = ceilDiv(s.outChannels, tasksN);
  const blockY = ceilDiv(s.kernelHeight, Math.min(s.kernelHeight, ceilDiv(parts, tasksN)));
  // Whole patches, whatever a task's part of them: the chunks, and with them the sums, do not depend on the threads.
  const patch = s.kernelHeight * s.kernelWidth * s.inChannels;
  const most = Math.max(s.outWidth, Math.min(CHUNK_FLOATS / patch, CHUNK_PIXELS));
  const blockRows = Math.max(1, Math.min(s.outHeight, Math.floor(most / s.outWidth)));
  const evenly = job === "conv_blas_weight" ? s.batch : ceilDiv(s.batch, threads);
  const blockImages = blockRows === s.outHeight
    ? Math.max(1, Math.min(evenly, Math.floor(most / pixels)))
    : 1;
  const tasksRows = ceilDiv(s.outHeight, blockRows);
  const imageTasks = ceilDiv(s.batch, blockImages);
  const tasksY = ceilDiv(s.kernelHeight, blockY);
  const values: Record<(typeof CONV_BLAS_SLOTS)[number], number> = {
    x: at.x,
    weight: at.weight,
    y: at.y,
    bias: at.bias ?? 0,
    flags: at.flags ?? 0,
    images: s.batch,
    channels: s.inChannels,
    height: s.inHeight,
    width: s.inWidth,
    outHeight: s.outHeight,
    outWidth: s.outWidth,
    N: s.outChannels,
    tapsY: s.kernelHeight,
    tapsX: s.kernelWidth,
    stride: s.stride,
    padding: s.padding,
    blockRows,
    tasksRows,
    blockImages,
    blockN,
    tasksN,
    blockY,
    tasksY,
  };
  const tasks = {
    conv_blas: tasksRows * imageTasks,
    conv_blas_input: imageTasks,
    conv_blas_weight: tasksY * ceilDiv(s.outChannels, blockN),
  }[job];
  machine.run(job, { values: CONV_BLAS_SLOTS.map((name) => values[name]), tasks, alone });
}
