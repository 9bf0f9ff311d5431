// This module is browser compatible.
/** Plans convolutions and the gradient of their input. Images NHWC, weights [kh, kw, Cin / groups, Cout]. */

import { ceilDiv, type NumberArray } from "../kernel.ts";
import { evenBlock } from "./blocks.ts";
import { runConvBlas, suitsConvBlas } from "./conv_blas.ts";
import { CONV_SLOTS } from "./conv_jobs.ts";
import { isDepthwise, runDepthwise } from "./depthwise.ts";
import type { ConvShape } from "./engine.ts";
import { BLOCK_B_FLOATS, gemm, SMALL_JOB, TASKS_PER_THREAD } from "./gemm.ts";
import { addressOf, type Machine } from "./machine.ts";
import { reluFlag } from "./micro_kernel.ts";
import { AREA_A_BYTES, AREA_B_BYTES, TABLE_LENGTH } from "./scratch.ts";

/** Floats of a band that stay in the second-level cache while a block of weights passes over them. */
const BAND_FLOATS = 64 << 10;

type ConvValues = Record<(typeof CONV_SLOTS)[number], number>;

/** Addresses of a convolution's three arrays, after checking their sizes and the shape. */
export function addresses(
  machine: Machine,
  arrays: { image: NumberArray; weight: NumberArray; output: NumberArray },
  s: ConvShape,
) {
  const { inHeight, inWidth, inChannels, outHeight, outWidth, outChannels, groups } = s;
  const size = (from: number, kernel: number, end: number) =>
    Math.floor((from + s.padding + end - kernel) / s.stride) + 1;
  // What lies beyond the image is zero, so any padding at the end will do; most have the same as at the beginning.
  const fits = (out: number, from: number, kernel: number) =>
    out >= size(from, kernel, 0) && out <= size(from, kernel, Math.max(s.padding, kernel - 1));
  if (!fits(outHeight, inHeight, s.kernelHeight) || !fits(outWidth, inWidth, s.kernelWidth)) {
    const height = size(inHeight, s.kernelHeight, s.padding);
    const width = size(inWidth, s.kernelWidth, s.padding);
    throw new RangeError(
      `Cannot convolve: an image of ${inHeight}x${inWidth} gives ${height}x${width}, not ${outHeight}x${outWidth}`,
    );
  }
  if (inChannels % groups !== 0 || outChannels % groups !== 0) {
    throw new RangeError(
      `Cannot convolve: ${inChannels} and ${outChannels} channels do not divide into ${groups} groups`,
    );
  }
  const weights = s.kernelHeight * s.kernelWidth * (inChannels / groups) * outChannels;
  const at = (name: string, array: NumberArray, length: number) =>
    addressOf(machine, { name, array }, 0, length);
  return {
    image: at("x", arrays.image, s.batch * inHeight * inWidth * inChannels),
    weight: at("weight", arrays.weight, weights),
    output: at("y", arrays.output, s.batch * outHeight * outWidth * outChannels),
  };
}

/** A convolution that is a matrix product as it stands. */
export function isProduct(s: ConvShape): boolean {
  return s.kernelHeight === 1 && s.kernelWidth === 1 && s.stride === 1 && s.padding === 0 && s.groups === 1;
}

/** Chooses the blocks, and runs the job. */
function runConv(machine: Machine, v: ConvValues, groups: number): void {
  const taps = v.tapsY * v.tapsX * v.channels;
  const work = groups * v.images * v.rows * v.columns * v.N * taps;
  const alone = machine.threads === 1 || work < SMALL_JOB;
  const tasks = alone ? 1 : machine.threads * TASKS_PER_THREAD;
  const bandRow = ((v.columns - 1) * v.stepX + v.tapsX) * v.channels;
  const inside = (origin: number, count: number, step: number, tapCount: number, size: number) =>
    origin >= 0 && origin + (count - 1) * step + tapCount <= size;
  v.inPlace = Number(
    groups === 1 && inside(v.originY, v.rows, v.stepY, v.tapsY, v.height) &&
      inside(v.originX, v.columns, v.stepX, v.tapsX, v.width),
  );
  v.blockN = evenBlock(v.N, BLOCK_B_FLOATS / taps, 8);
  const cached = Math.floor((BAND_FLOATS / bandRow - v.tapsY) / v.stepY) + 1;
  v.blockRows = Math.max(1, Math.min(v.rows, cached, Math.floor(TABLE_LENGTH / v.columns)));
  const bandBytes = ((v.blockRows - 1) * v.stepY + v.tapsY) * bandRow * 4;
  if (v.columns > TABLE_LENGTH || (bandBytes > AREA_A_BYTES && !v.inPlace) || taps * 32 > AREA_B_BYTES) {
    throw new RangeError(
      `Cannot convolve: rows of ${v.columns} pixels with patches of ${taps} numbers do not fit the engine's memory`,
    );
  }
  const others = groups * v.images * ceilDiv(v.N, v.blockN);
  v.blockRows = evenBlock(v.rows, Math.min(v.blockRows, (v.rows * others) / tasks), 1);
  v.tasksRows = ceilDiv(v.rows, v.blockRows);
  v.tasksN = ceilDiv(v.N, v.blockN);
  machine.run("conv", {
    values: CONV_SLOTS.map((name) => v[name]),
    tasks: v.tasksRows * v.images * v.tasksN * groups,
    alone,
  });
}

/**
 * y [B, oh, ow, Cout] = x [B, ih, iw, Cin] ⋆ weight + bias, then the ReLU of that number (`RELUS`).
 *
 * @throws {RangeError} If the shape contradicts itself or an array is too short for it.
 */
export function conv2d(
  machine: Machine,
  buffers: { x: NumberArray; weight: NumberArray; y: NumberArray; bias?: NumberArray },
  s: ConvShape,
  { relu = 0 }: { relu?: number } = {},
): void {
  const { x, weight, y, bias } = buffers;
  const at = addresses(machine, { image: x, weight, output: y }, s);
  if (isProduct(s)) {
    const [M, N, K] = [s.batch * s.inHeight * s.inWidth, s.outChannels, s.inChannels];
    return gemm(machine, { a: x, b: weight, c: y, M, N, K, bias, relu });
  }
  const address = bias ? addressOf(machine, { name: "bias", array: bias }, 0, s.outChannels) : 0;
  const flags = reluFlag(relu);
  if (suitsConvBlas(machine, s)) {
    const { image: x, weight, output: y } = at;
    return runConvBlas(machine, "conv_blas", { x, weight, y, bias: address, flags }, s);
  }
  if (isDepthwise(s)) {
    return runDepthwise(machine, "depthwise", {
      ...{ x: at.image, weight: at.weight, y: at.output, bias: address, flags },
    }, s);
  }
  const channels = s.inChannels / s.groups;
  const N = s.outChannels / s.groups;
  runConv(machine, {
    source: at.image,
    sourceRow: 4 * s.inWidth * s.inChannels,
    sourcePixel: 4 * s.inChannels,
    sourceImage: 4 * s.inHeight * s.inWidth * s.inChannels,
    sourceGroup: 4 * channels,
    height: s.inHeight,
    width: s.inWidth,
    channels,
    weight: at.weight,
    weightRow: 4 * s.outChannels,
    weightTapY: 4 * s.kernelWidth * channels * s.outChannels,
    weightTapX: 4 * channels * s.outChannels,
    weightGroup: 4 * N,
    weightColumn: 4,
    weightTransposed: 0,
    y: at.output,
    yRow: 4 * s.outWidth * s.outChannels,
    yPixel: 4 * s.outChannels,
    yImage: 4 * s.outHeight * s.outWidth * s.outChannels,
    yGroup: 4 * N,
    rows: s.outHeight,
    columns: s.outWidth,
    N,
    originY: -s.padding,
    originX: -s.padding,
    stepY: s.stride,
    stepX: s.stride,
    tapsY: s.kernelHeight,
    tapsX: s.kernelWidth,
    bias: address,
    flags,
    ...BLOCKS,
    images: s.batch,
    serial: machine.nextSerial(),
  }, s.groups);
}

/** Slots that {@linkcode runConv} fills in. */
const BLOCKS = { blockRows: 1, blockN: 1, tasksRows: 1, tasksN: 1, inPlace: 0 };

/**
 * dX [B, ih, iw, Cin] from dY [B, oh, ow, Cout] and weight.
 *
 * Inputs whose row and column leave the same remainders modulo the stride meet the same weights: each such class is
 * a convolution of dY of its own, with those weights turned round, and nothing is multiplied by inserted zeros.
 *
 * @throws {RangeError} If the shape contradicts itself or an array is too short for it.
 */
export function conv2dBackwardInput(
  machine: Machine,
  buffers: { dY: NumberArray; weight: NumberArray; dX: NumberArray },
  s: ConvShape,
): void {
  const { dY, weight, dX } = buffers;
  const at = addresses(machine, { image: dX, weight, output: dY }, s);
  if (isProduct(s)) {
    const [M, N, K] = [s.batch * s.inHeight * s.inWidth, s.inChannels, s.outChannels];
    return gemm(machine, { a: dY, b: weight, c: dX, M, N, K, transposeB: true });
  }
  if (isDepthwise(s)) {
    return runDepthwise(machine, "depthwise_input", { x: at.image, weight: at.weight, y: at.output }, s);
  }
  if (suitsConvBlas(machine, s)) {
    return runConvBlas(machine, "conv_blas_input", { x: at.image, weight: at.weight, y: at.output }, s);
  }
  const channels = s.outChannels / s.groups;
  const N = s.inChannels / s.groups;
  const [tapX, pixel] = [4 * N * s.outChannels, 4 * s.inChannels];
  const tapY = tapX * s.kernelWidth;
  // Of the kernel's taps along one axis, those that inputs with remainder r meet: the first and their number.
  const taps = (r: number, kernel: number) => {
    const start = (r + s.padding) % s.stride;
    const count = start < kernel ? ceilDiv(kernel - start, s.stride) : 0;
    return {
      count,
      last: start + (count - 1) * s.stride,
      origin: (r + s.padding - start) / s.stride - count + 1,
    };
  };
  for (let r = 0; r < Math.min(s.stride, s.inHeight); r++) {
    const rowTaps = taps(r, s.kernelHeight);
    for (let q = 0; q < Math.min(s.stride, s.inWidth); q++) {
      const columnTaps = taps(q, s.kernelWidth);
      runConv(machine, {
        source: at.output,
        sourceRow: 4 * s.outWidth * s.outChannels,
        sourcePixel: 4 * s.outChannels,
        sourceImage: 4 * s.outHeight * s.outWidth * s.outChannels,
        sourceGroup: 4 * channels,
        height: s.outHeight,
        width: s.outWidth,
        channels,
        weight: at.weight + rowTaps.last * tapY + columnTaps.last * tapX,
        weightRow: 4 * s.outChannels,
        weightTapY: -s.stride * tapY,
        weightTapX: -s.stride * tapX,
        weightGroup: 4 * channels,
        weightColumn: 4 * s.outChannels,
        weightTransposed: 1,
        y: at.image + r * s.inWidth * pixel + q * pixel,
        yRow: s.stride * s.inWidth * pixel,
        yPixel: s.stride * pixel,
        yImage: s.inHeight * s.inWidth * pixel,
        yGroup: 4 * N,
        rows: ceilDiv(s.inHeight - r, s.stride),
        columns: ceilDiv(s.inWidth - q, s.stride),
        N,
        originY: rowTaps.origin,
        originX: columnTaps.origin,
        stepY: 1,
        stepX: 1,
        tapsY: rowTaps.count,
        tapsX: columnTaps.count,
        bias: 0,
        flags: 0,
        ...BLOCKS,
        images: s.batch,
        serial: machine.nextSerial(),
      }, s.groups);
    }
  }
}
