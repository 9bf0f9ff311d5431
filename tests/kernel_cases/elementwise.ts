// This module is browser compatible.
/** Cases of the kernels that treat each element alone, and of sums. Lengths: 1, primes, around a workgroup of 64. */

import { activationBackwardKernel, activationKernel, ACTIVATIONS } from "../../kernels/activation.ts";
import { binaryKernel, OPERATIONS } from "../../kernels/binary.ts";
import { columnSumKernel } from "../../kernels/column_sum.ts";
import { dropoutKernel } from "../../kernels/dropout.ts";
import { addInPlaceKernel, copyKernel, fillKernel, scaleKernel } from "../../kernels/elementwise.ts";
import { normaliseImagesKernel } from "../../kernels/normalise_images.ts";
import { sigmoidGateBackwardKernel, sigmoidGateKernel } from "../../kernels/sigmoid_gate.ts";
import { stridedCopyKernel } from "../../kernels/strided_copy.ts";
import { folded, type KernelCase, kernelCase, unwritten } from "./case.ts";

const COUNTS = [1, 63, 64, 65, 257];

const DROP_30 = { threshold: 0.3 * 2 ** 24 >>> 0, scale: 1.25 };

/** `prefix_0` to `prefix_4`. */
function axes<P extends string>(prefix: P, values: readonly number[]) {
  return Object.fromEntries(values.map((value, i) => [`${prefix}_${i}`, value])) as Record<
    `${P}_${0 | 1 | 2 | 3 | 4}`,
    number
  >;
}

function* activations(): Generator<KernelCase> {
  for (const [name, activation] of Object.entries(ACTIVATIONS)) {
    for (const count of name === "relu" ? COUNTS : [257]) {
      const [least, largest] = { log: [0.1, 4], relu6: [-3, 9] }[name] ?? [-4, 4];
      yield kernelCase(activationKernel, `${name} of ${count}`, (n) => ({
        arrays: { x: n.uniform(count, least, largest), y: unwritten(count) },
        params: { count, activation },
      }));
      if (name === "exp" || name === "log") continue; // their gradients are other kernels'
      yield kernelCase(activationBackwardKernel, `${name} of ${count}`, (n) => ({
        arrays: { y: n.uniform(count, -1, 7), d_y: n.uniform(count), d_x: unwritten(count) },
        params: { count, activation },
      }));
    }
  }
}

function* binaries(): Generator<KernelCase> {
  const [flat] = binaryKernel.variants!;
  for (const [name, operation] of Object.entries(OPERATIONS)) {
    const common = { operation, count: 2 * 3 * 5 * 7 * 2, ...axes("size", [2, 3, 5, 7, 2]) };
    yield kernelCase(binaryKernel, `${name}, broadcast over five axes`, (n) => ({
      arrays: { a: n.uniform(2 * 5 * 2, 0.5, 2), b: n.uniform(3 * 7, 0.5, 2), y: unwritten(common.count) },
      params: {
        ...common,
        period: 0,
        ...axes("a_stride", [10, 0, 2, 0, 1]),
        ...axes("b_stride", [0, 7, 0, 1, 0]),
      },
    }));
    for (const [count, period] of [[1, 1], [65, 65], [259, 7]]) {
      const unused = { ...axes("size", [0, 0, 0, 0, 0]), ...axes("a_stride", [0, 0, 0, 0, 0]) };
      yield kernelCase(binaryKernel, `${name} of ${count} with a period of ${period}`, (n) => ({
        arrays: { a: n.uniform(count), b: n.uniform(period, 0.5, 2), y: unwritten(count) },
        params: { operation, count, period, ...unused, ...axes("b_stride", [0, 0, 0, 0, 0]) },
      }), { program: flat });
    }
  }
}

function* copies(): Generator<KernelCase> {
  for (const count of COUNTS) {
    yield kernelCase(addInPlaceKernel, `${count}`, (n) => ({
      arrays: { x: n.uniform(count), y: n.uniform(count) },
      params: { count },
    }));
    yield kernelCase(scaleKernel, `${count}`, (n) => ({
      arrays: { x: n.uniform(count), y: unwritten(count) },
      params: { count, factor: -2.5 },
    }));
    yield kernelCase(copyKernel, `${count} from 3 to 5`, (n) => ({
      arrays: { x: n.uniform(count + 3), y: n.uniform(count + 8) },
      params: { count, x_offset: 3, y_offset: 5 },
    }));
    yield kernelCase(fillKernel, `${count}`, (n) => ({
      arrays: { y: n.uniform(count + 3) },
      params: { count, value: 0.75 },
    }));
    yield kernelCase(dropoutKernel, `${count} of which 30 % drop`, (n) => ({
      arrays: { x: n.uniform(count, 1, 2), y: unwritten(count) },
      params: { count, seed: 4000000007, offset: 900, ...DROP_30, block: count, stride: 0 },
    }));
    yield kernelCase(dropoutKernel, `${count}, rows of 7 of a whole with rows of 19`, (n) => ({
      arrays: { x: n.uniform(count, 1, 2), y: unwritten(count) },
      params: { count, seed: 4000000007, offset: 21, ...DROP_30, block: 7, stride: 19 },
    }));
  }
  const permuted = { strides: [2 * 33 * 3 + 1, 33 * 3, 3, 1, 0], order: [1, 7, 330, 40, 0] };
  yield kernelCase(stridedCopyKernel, "a permuted block of five axes", (n) => ({
    arrays: { x: n.uniform(700), y: n.uniform(2000) },
    params: {
      x_offset: 2,
      y_offset: 4,
      ...axes("size", [3, 2, 5, 3, 1]),
      ...axes("x_stride", permuted.strides),
      ...axes("y_stride", permuted.order),
    },
  }));
  for (const step of [1, 0]) { // rows long enough for the CPU to copy or repeat as a whole
    yield kernelCase(stridedCopyKernel, `rows of 19, ${step ? "copied" : "repeated"}`, (n) => ({
      arrays: { x: n.uniform(5 * 20), y: n.uniform(5 * 23 + 7) },
      params: {
        x_offset: 1,
        y_offset: 7,
        ...axes("size", [1, 1, 1, 5, 19]),
        ...axes("x_stride", [0, 0, 0, 20, step]),
        ...axes("y_stride", [0, 0, 0, 23, 1]),
      },
    }));
  }
}

function* gates(): Generator<KernelCase> {
  for (const [count, offset] of [[1, 0], [65, 3]]) {
    yield kernelCase(sigmoidGateKernel, `${count} from ${offset}`, (n) => ({
      arrays: {
        logits: n.uniform(count + offset, -6, 6),
        x: n.uniform(count + offset),
        gated: n.uniform(count + offset + 3),
      },
      params: { count, offset },
    }));
    yield kernelCase(sigmoidGateBackwardKernel, `${count} from ${offset}`, (n) => ({
      arrays: {
        logits: n.uniform(count + offset, -6, 6),
        x: n.uniform(count + offset),
        d_logits: n.uniform(count + offset + 3),
        d_x: n.uniform(count + offset + 3),
      },
      params: { count, offset },
    }));
  }
}

function* sums(): Generator<KernelCase> {
  const whole = { offset: 0, stride: 0, beta: 0, scale: 1 };
  const cases = {
    "one column": { batch: 1, M: 7, N: 1, ld: 1, shares: 1, ...whole },
    "part of each of two matrices, added": {
      ...{ batch: 2, M: 131, N: 5, ld: 9, shares: 1 },
      ...{ offset: 3, stride: 1200, beta: 1, scale: -0.5 },
    },
    "shares of unequal length": { batch: 1, M: 47, N: 6, ld: 6, shares: 5, ...whole },
    "shares of rows with gaps": { batch: 1, M: 47, N: 6, ld: 7, shares: 5, ...whole },
    "more columns than a workgroup takes": {
      batch: 2,
      M: 19,
      N: 67,
      ld: 67,
      shares: 2,
      ...whole,
      stride: 1200,
    },
  };
  for (const [what, params] of Object.entries(cases)) {
    const { batch, M, N, ld, shares } = params;
    for (const program of [columnSumKernel, ...columnSumKernel.variants!.map(folded)]) {
      yield kernelCase(columnSumKernel, what, (n) => ({
        arrays: { x: n.uniform(3 + 1200 * (batch - 1) + M * ld), y: n.uniform(batch * shares * N) },
        params,
      }), { program });
    }
  }
}

function* pictures(): Generator<KernelCase> {
  for (const count of [3, 189, 195]) {
    const means = { mean_0: 0.485, mean_1: 0.456, mean_2: 0.406, std_0: 0.229, std_1: 0.224, std_2: 0.225 };
    yield kernelCase(normaliseImagesKernel, `${count} bytes`, (n) => ({
      arrays: { pixels: n.ids(Math.ceil(count / 4), 2 ** 32), y: unwritten(count) },
      params: { count, ...means },
    }));
  }
}

/** Every case of this file. */
export function* elementwiseCases(): Generator<KernelCase> {
  yield* activations();
  yield* binaries();
  yield* copies();
  yield* gates();
  yield* sums();
  yield* pictures();
}
