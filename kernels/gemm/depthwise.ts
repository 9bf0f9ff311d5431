// This module is browser compatible.
/** Plans depthwise convolutions. Arrays are checked by the callers in `conv.ts`. */

import { ceilDiv } from "../kernel.ts";
import { DEPTHWISE_SLOTS } from "./depthwise_jobs.ts";
import type { ConvShape } from "./engine.ts";
import { SMALL_JOB } from "./gemm.ts";
import type { Machine } from "./machine.ts";

/** Channels of a task of the weights' gradient: a cache line. */
const BLOCK_CHANNELS = 16;

/** Whether each channel is a group of its own. */
export function isDepthwise(s: ConvShape): boolean {
  return s.groups > 1 && s.groups === s.inChannels && s.groups === s.outChannels;
}

/** Runs a depthwise job; x, weight, y and bias are addresses, in the parts that `depthwise_jobs.ts` gives them. */
export function runDepthwise(
  machine: Machine,
  job: "depthwise" | "depthwise_input" | "depthwise_weight",
  at: { x: number; weight: number; y: number; bias?: number; flags?: number },
  s: ConvShape,
): void {
  const values: Record<(typeof DEPTHWISE_SLOTS)[number], number> = {
    x: at.x,
    weight: at.weight,
    y: at.y,
    bias: at.bias ?? 0,
    images: s.batch,
    channels: s.inChannels,
    inHeight: s.inHeight,
    inWidth: s.inWidth,
    outHeight: s.outHeight,
    outWidth: s.outWidth,
    tapsY: s.kernelHeight,
    tapsX: s.kernelWidth,
    stride: s.stride,
    padding: s.padding,
    flags: at.flags ?? 0,
    blockC: BLOCK_CHANNELS,
  };
  const tasks = {
    depthwise: s.batch * s.outHeight,
    depthwise_input: s.batch * s.inHeight,
    depthwise_weight: ceilDiv(s.inChannels, BLOCK_CHANNELS),
  }[job];
  const work = s.batch * s.outHeight * s.outWidth * s.inChannels * s.kernelHeight * s.kernelWidth;
  machine.run(job, { values: DEPTHWISE_SLOTS.map((name) => values[name]), tasks, alone: work < SMALL_JOB });
}
