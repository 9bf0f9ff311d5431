// This module is browser compatible.
/** Plans the gradient of a convolution's weights: a matrix product whose inner size is all pixels. */

import { ceilDiv, type NumberArray } from "../kernel.ts";
import { evenBlock } from "./blocks.ts";
import { runConvBlas, suitsConvBlas } from "./conv_blas.ts";
import { CONV_WEIGHT_SLOTS } from "./conv_jobs.ts";
import { addresses, isProduct } from "./conv.ts";
import { isDepthwise, runDepthwise } from "./depthwise.ts";
import type { ConvShape } from "./engine.ts";
import { BLOCK_B_FLOATS, gemm, SMALL_JOB } from "./gemm.ts";
import type { Machine } from "./machine.ts";
import { AREA_A_BYTES, AREA_B_BYTES } from "./scratch.ts";

/** Pixels added up before the gradient is written. It decides the order of the sums, so it is a constant. */
const WEIGHT_PIXELS = 512;
/** Floats of a band. A constant for the same reason. */
const WEIGHT_BAND_FLOATS = 128 << 10;

/**
 * dWeight [kh, kw, Cin / groups, Cout] from x and dY: the sum over all pixels.
 *
 * @throws {RangeError} If the shape contradicts itself or an array is too short for it.
 */
export function conv2dBackwardWeight(
  machine: Machine,
  buffers: { x: NumberArray; dY: NumberArray; dWeight: NumberArray },
  s: ConvShape,
): void {
  const { x, dY, dWeight } = buffers;
  const at = addresses(machine, { image: x, weight: dWeight, output: dY }, s);
  if (isProduct(s)) {
    const [M, N, K] = [s.inChannels, s.outChannels, s.batch * s.inHeight * s.inWidth];
    return gemm(machine, { a: x, b: dY, c: dWeight, M, N, K, transposeA: true });
  }
  if (isDepthwise(s)) {
    return runDepthwise(machine, "depthwise_weight", { x: at.image, weight: at.weight, y: at.output }, s);
  }
  if (suitsConvBlas(machine, s)) {
    return runConvBlas(machine, "conv_blas_weight", { x: at.image, weight: at.weight, y: at.output }, s);
  }
  const channels = s.inChannels / s.groups;
  const N = s.outChannels / s.groups;
  const pixels = s.outHeight * s.outWidth;
  const bandRow = ((s.outWidth - 1) * s.stride + s.kernelWidth) * channels;
  const cached = Math.floor((WEIGHT_BAND_FLOATS / bandRow - s.kernelHeight) / s.stride) + 1;
  const blockRows = Math.max(1, Math.min(s.outHeight, cached, Math.round(WEIGHT_PIXELS / s.outWidth)));
  const imageBand = ((s.outHeight - 1) * s.stride + s.kernelHeight) * bandRow;
  const together = Math.min(
    s.batch,
    Math.floor(WEIGHT_BAND_FLOATS / imageBand),
    Math.floor(WEIGHT_PIXELS / pixels),
  );
  const blockImages = blockRows === s.outHeight ? Math.max(1, together) : 1;
  const bandBytes = ((blockRows - 1) * s.stride + s.kernelHeight) * bandRow * 4;
  const blockPixels = blockImages * blockRows * s.outWidth;
  if (bandBytes * blockImages > AREA_A_BYTES || blockPixels * 32 > AREA_B_BYTES) {
    throw new RangeError(
      `Cannot convolve backwards: rows of ${s.outWidth} pixels by ${channels} channels do not fit the engine's memory`,
    );
  }
  const alone = machine.threads === 1 ||
    s.batch * pixels * s.kernelHeight * s.kernelWidth * channels * s.outChannels < SMALL_JOB;
  // As few tasks as there are threads: each copies the image. Channels are split first, since each packs its own dY.
  const tasks = alone ? 1 : machine.threads;
  const blockN = evenBlock(N, Math.min(BLOCK_B_FLOATS / blockPixels, Math.max(16, N * s.groups / tasks)), 8);
  const tasksN = ceilDiv(N, blockN);
  const blockY = ceilDiv(s.kernelHeight, ceilDiv(tasks, tasksN * s.groups));
  const tasksY = ceilDiv(s.kernelHeight, blockY);
  const values: Record<(typeof CONV_WEIGHT_SLOTS)[number], number> = {
    x: at.image,
    xRow: 4 * s.inWidth * s.inChannels,
    xPixel: 4 * s.inChannels,
    xImage: 4 * s.inHeight * s.inWidth * s.inChannels,
    xGroup: 4 * channels,
    height: s.inHeight,
    width: s.inWidth,
    channels,
    dY: at.output,
    dYRow: 4 * s.outWidth * s.outChannels,
    dYPixel: 4 * s.outChannels,
    dYImage: 4 * pixels * s.outChannels,
    dYGroup: 4 * N,
    rows: s.outHeight,
    columns: s.outWidth,
    N,
    dWeight: at.weight,
    dWeightRow: 4 * s.outChannels,
    dWeightTapY: 4 * s.kernelWidth * channels * s.outChannels,
    dWeightGroup: 4 * N,
    originY: -s.padding,
    originX: -s.padding,
    step: s.stride,
    tapsY: s.kernelHeight,
    tapsX: s.kernelWidth,
    blockRows,
    blockImages,
    blockN,
    tasksN,
    blockY,
    tasksY,
    images: s.batch,
  };
  machine.run("conv_weight", {
    values: CONV_WEIGHT_SLOTS.map((name) => values[name]),
    tasks: tasksY * tasksN * s.groups,
    alone,
  });
}
