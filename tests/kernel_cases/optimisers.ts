// This module is browser compatible.
/** Cases of the optimisers' kernels: clipped or not, and a step that is not taken because a gradient was not finite. */

import {
  adamKernel,
  globalNormKernel,
  SKIP,
  SUM_SQUARES_CHUNKS,
  sumSquaresKernel,
} from "../../kernels/adam.ts";
import { lossScaleKernel } from "../../kernels/loss_scale.ts";
import { movingAverageKernel } from "../../kernels/moving_average.ts";
import { sgdKernel } from "../../kernels/sgd.ts";
import { type KernelCase, kernelCase, type Numbers, unwritten } from "./case.ts";

/** Gradients of which some exceed the largest value allowed, 0.25. */
function adam(n: Numbers, { count, factor }: { count: number; factor: number }) {
  const arrays = {
    d_parameter: n.uniform(count),
    factor: Float64Array.of(factor),
    parameter: n.uniform(count),
    m: n.uniform(count, -0.1, 0.1),
    v: n.uniform(count, 0.001, 0.1),
  };
  const [beta1, beta2] = [0.9, 0.999].map(Math.fround);
  const rates = { learning_rate: 0.25, beta1, beta2, decay1: 1 - beta1, decay2: 1 - beta2, epsilon: 0.125 };
  const corrections = { correction1: Math.fround(1 / (1 - beta1 ** 3)), correction2: 256 };
  return { arrays, params: { count, ...rates, ...corrections, max_value: 0.25, l2: 0.125, keep: 0.75 } };
}

function sgd(n: Numbers, { count, factor }: { count: number; factor: number }) {
  const arrays = {
    d_parameter: n.uniform(count),
    factor: Float64Array.of(factor),
    parameter: n.uniform(count),
    velocity: n.uniform(count),
  };
  return { arrays, params: { count, learning_rate: 0.25, momentum: 0.5, max_value: 0.25, l2: 0.125 } };
}

/** Every case of this file. */
export function* optimiserCases(): Generator<KernelCase> {
  for (const count of [1, 255, 257, 1999, 70_001]) {
    for (const program of [sumSquaresKernel, ...sumSquaresKernel.variants!]) {
      yield kernelCase(sumSquaresKernel, `${count} into the second tensor's slots`, (n) => ({
        arrays: { x: n.uniform(count), partials: n.uniform(2 * SUM_SQUARES_CHUNKS) },
        params: { count, offset: SUM_SQUARES_CHUNKS },
      }), { sums: true, program });
    }
    for (
      const [max_norm, program] of [[0.5, globalNormKernel], [1000, ...globalNormKernel.variants!]] as const
    ) {
      yield kernelCase(globalNormKernel, `${count} partial sums, at most ${max_norm}`, (n) => ({
        arrays: {
          partials: n.uniform(count, 0.5, 1),
          loss_scale: Float64Array.of(4),
          norm: unwritten(1),
          factor: unwritten(1),
        },
        params: { count, max_norm },
      }), { program });
    }
  }
  yield kernelCase(globalNormKernel, "not finite", () => ({
    arrays: {
      partials: Float64Array.of(1, Infinity, 1),
      loss_scale: Float64Array.of(4),
      norm: unwritten(1),
      factor: unwritten(1),
    },
    params: { count: 3, max_norm: 1 },
  }));
  for (const factor of [0.75, SKIP]) {
    for (const count of [1, 65, 257]) {
      yield kernelCase(adamKernel, `${count}, factor ${factor}`, (n) => adam(n, { count, factor }));
      yield kernelCase(sgdKernel, `${count}, factor ${factor}`, (n) => sgd(n, { count, factor }));
    }
  }
  for (const [scale, good, factor] of [[8, 2, 1], [8, 1, 1], [64, 2, 1], [8, 2, SKIP], [1, 0, SKIP]]) {
    yield kernelCase(lossScaleKernel, `${scale} after ${good} good steps, factor ${factor}`, () => ({
      arrays: { factor: Float64Array.of(factor), state: Float64Array.of(scale, good, 5) },
      params: { interval: 3, least: 1, most: 64 },
    }));
  }
  for (const count of [1, 65, 257]) {
    yield kernelCase(movingAverageKernel, `${count}`, (n) => ({
      arrays: { x: n.uniform(count), average: n.uniform(count) },
      params: { count, decay: 0.75, share: 0.25 },
    }));
  }
}
