// This module is browser compatible.
/** Cases of the kernels on feature maps: pooling, resizing, batch norm. */

import {
  adaptiveAvgPool2dBackwardKernel,
  adaptiveAvgPool2dKernel,
} from "../../kernels/adaptive_avg_pool2d.ts";
import { avgPool2dBackwardKernel, avgPool2dKernel } from "../../kernels/avg_pool2d.ts";
import {
  batchNormCombineKernel,
  batchNormKernel,
  batchNormShares,
  batchNormStatisticsKernel,
} from "../../kernels/batch_norm.ts";
import { batchNormBackwardKernel, batchNormBackwardSumsKernel } from "../../kernels/batch_norm_backward.ts";
import type { Kernel, Program } from "../../kernels/kernel.ts";
import { maxPool2dBackwardKernel, maxPool2dKernel } from "../../kernels/max_pool2d.ts";
import { rectified, RELUS } from "../../kernels/relu.ts";
import { resizeAxisBackwardKernel, resizeAxisKernel } from "../../kernels/resize_axis.ts";
import { folded, type KernelCase, kernelCase, type Numbers, unwritten } from "./case.ts";

/** Batch, height, width, channels, kernel, stride, padding. */
const POOLS = [
  [1, 1, 1, 1, 1, 1, 0],
  [2, 8, 6, 3, 2, 2, 0],
  [2, 9, 7, 5, 3, 2, 1],
  [1, 9, 8, 65, 2, 3, 0],
  [1, 5, 7, 13, 3, 1, 1],
];

function poolShape([batch, in_height, in_width, channels, kernel, stride, padding]: readonly number[]) {
  const out = (size: number) => Math.floor((size + 2 * padding - kernel) / stride) + 1;
  const [out_height, out_width] = [out(in_height), out(in_width)];
  return {
    params: { batch, in_height, in_width, channels, out_height, out_width, kernel, stride, padding },
    inputs: batch * in_height * in_width * channels,
    outputs: batch * out_height * out_width * channels,
  };
}

function* pools(): Generator<KernelCase> {
  for (const numbers of POOLS) {
    const what = numbers.join(" ");
    const { params, inputs, outputs } = poolShape(numbers);
    // Few different values, so that some maxima are equal.
    const levels = (n: Numbers) => Float64Array.from(n.ids(inputs, 7), (level) => level - 3);
    const place = () => new Uint32Array(outputs).fill(99);
    yield kernelCase(maxPool2dKernel, what, (n) => ({
      arrays: { x: levels(n), y: unwritten(outputs), place: place() },
      params,
    }));
    yield kernelCase(maxPool2dBackwardKernel, what, (n) => {
      const places = place();
      maxPool2dKernel.cpu({ x: levels(n), y: unwritten(outputs), place: places }, params);
      return { arrays: { place: places, d_y: n.uniform(outputs), d_x: unwritten(inputs) }, params };
    });
    yield kernelCase(avgPool2dKernel, what, (n) => ({
      arrays: { x: n.uniform(inputs), y: unwritten(outputs) },
      params,
    }));
    yield kernelCase(avgPool2dBackwardKernel, what, (n) => ({
      arrays: { d_y: n.uniform(outputs), d_x: unwritten(inputs) },
      params,
    }));
  }
  for (
    const [batch, in_height, in_width, channels, out_height, out_width] of [
      [1, 1, 1, 1, 1, 1],
      [1, 13, 17, 3, 5, 4],
      [2, 6, 9, 2, 8, 3], // more rows than there are
      [2, 5, 3, 67, 1, 1],
    ]
  ) {
    const params = { batch, in_height, in_width, channels, out_height, out_width };
    const [inputs, outputs] = [in_height * in_width, out_height * out_width].map((n) => n * batch * channels);
    const what = Object.values(params).join(" ");
    yield kernelCase(adaptiveAvgPool2dKernel, what, (n) => ({
      arrays: { x: n.uniform(inputs), y: unwritten(outputs) },
      params,
    }));
    yield kernelCase(adaptiveAvgPool2dBackwardKernel, what, (n) => ({
      arrays: { d_y: n.uniform(outputs), d_x: unwritten(inputs) },
      params,
    }));
  }
}

function* resizes(): Generator<KernelCase> {
  for (
    const [outer, in_size, out_size, inner] of [[1, 1, 1, 1], [2, 13, 5, 3], [3, 5, 11, 7], [1, 8, 8, 65]]
  ) {
    const params = { outer, in_size, out_size, inner };
    const what = Object.values(params).join(" ");
    yield kernelCase(resizeAxisKernel, what, (n) => ({
      arrays: { x: n.uniform(outer * in_size * inner), y: unwritten(outer * out_size * inner) },
      params,
    }));
    yield kernelCase(resizeAxisBackwardKernel, what, (n) => ({
      arrays: { d_y: n.uniform(outer * out_size * inner), d_x: unwritten(outer * in_size * inner) },
      params,
    }));
  }
}

/** Its programs: those for four channels at a time where that can be. */
function programs<B extends string, P extends string>(kernel: Kernel<B, P>, channels: number): Program<P>[] {
  return [kernel, ...(channels % 4 === 0 ? kernel.variants! : [])];
}

function* norms(): Generator<KernelCase> {
  for (const [rows, channels] of [[2, 1], [37, 7], [53, 12], [130, 19], [641, 67]]) {
    const what = `${rows} × ${channels}`;
    const shares = batchNormShares(rows);
    const epsilon = Math.fround(1e-5);
    const size = rows * channels;
    const row = (n: Numbers) => ({
      mean: n.uniform(channels, 19.9, 20.1),
      variance: n.uniform(channels, 0.2, 1),
      weight: n.uniform(channels, 0.5, 2),
    });
    for (const program of [batchNormStatisticsKernel, ...batchNormStatisticsKernel.variants!.map(folded)]) {
      yield kernelCase(batchNormStatisticsKernel, what, (n) => ({
        arrays: { x: n.uniform(size, 18, 22), partial: unwritten(2 * shares * channels) },
        params: { rows, channels, shares },
      }), { program, tolerance: 1e-6 }); // of the mean of numbers around 20
    }
    for (const program of [batchNormCombineKernel, ...batchNormCombineKernel.variants!]) {
      const many = rows === 641 ? 72 : shares; // more than a workgroup takes at once
      yield kernelCase(batchNormCombineKernel, what, (n) => ({
        arrays: {
          partial: n.uniform(2 * many * channels, 0.5, 2),
          ...{ mean: unwritten(channels), variance: unwritten(channels) },
          ...{ running_mean: n.uniform(channels), running_variance: n.uniform(channels) },
        },
        params: { rows, channels, shares: many, momentum: 0.125 },
      }), { program });
    }
    for (const relu of Object.values(RELUS)) {
      for (const program of programs(batchNormKernel, channels)) {
        yield kernelCase(batchNormKernel, `${what}, relu ${relu}`, (n) => ({
          arrays: { x: n.uniform(size, 18, 22), ...row(n), bias: n.uniform(channels), y: unwritten(size) },
          params: { rows, channels, relu, epsilon },
        }), { program });
      }
      const gradients = (n: Numbers) => ({
        x: n.uniform(size, 18, 22),
        y: n.uniform(size, -3, 9).map((value) => rectified(value, relu || RELUS.relu)), // 0 and 6 themselves, too
        d_y: n.uniform(size),
      });
      for (
        const program of [batchNormBackwardSumsKernel, ...batchNormBackwardSumsKernel.variants!.map(folded)]
      ) {
        yield kernelCase(batchNormBackwardSumsKernel, `${what}, relu ${relu}`, (n) => {
          const { mean, variance } = row(n);
          return {
            arrays: { ...gradients(n), mean, variance, partial: unwritten(2 * shares * channels) },
            params: { rows, channels, shares, relu, epsilon },
          };
        }, { program });
      }
      for (const training of [0, 1]) {
        for (const program of programs(batchNormBackwardKernel, channels)) {
          yield kernelCase(batchNormBackwardKernel, `${what}, relu ${relu}, training ${training}`, (n) => ({
            arrays: {
              ...gradients(n),
              ...row(n),
              sums: n.uniform(2 * channels, -9, 9),
              d_x: unwritten(size),
            },
            params: { rows, channels, relu, training, epsilon },
          }), { program });
        }
      }
    }
  }
}

/** Every case of this file. */
export function* mapCases(): Generator<KernelCase> {
  yield* pools();
  yield* resizes();
  yield* norms();
}
