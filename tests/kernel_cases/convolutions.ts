// This module is browser compatible.
/** Cases of the convolution and its two gradients: strides, padding, groups, depthwise, tiles of every kind. */

import { conv2dKernel } from "../../kernels/conv2d.ts";
import { conv2dBackwardInputKernel } from "../../kernels/conv2d_backward_input.ts";
import { conv2dBackwardWeightKernel } from "../../kernels/conv2d_backward_weight.ts";
import type { ConvParams } from "../../kernels/conv2d_shape.ts";
import { sumPartialsKernel } from "../../kernels/conv2d_sum_partials.ts";
import type { Kernel, Program } from "../../kernels/kernel.ts";
import { RELUS } from "../../kernels/relu.ts";
import { type CaseData, type KernelCase, kernelCase, type Numbers, unwritten } from "./case.ts";
import { variantsOf } from "./products.ts";

/** The convolution and its gradients. */
export const CONVOLUTIONS: readonly Kernel[] = [
  conv2dKernel,
  conv2dBackwardInputKernel,
  conv2dBackwardWeightKernel,
] as readonly unknown[] as readonly Kernel[]; // their names differ

/** Batch, height, width, Cin, Cout, kernel, stride, padding, groups. */
export function convolution(numbers: readonly number[]): ConvParams {
  const [batch, in_height, in_width, in_channels, out_channels, kernel, stride, padding, groups] = numbers;
  return {
    ...{ batch, in_height, in_width, in_channels, out_channels, stride, padding, groups },
    kernel_height: kernel,
    kernel_width: kernel,
    out_height: Math.floor((in_height + 2 * padding - kernel) / stride) + 1,
    out_width: Math.floor((in_width + 2 * padding - kernel) / stride) + 1,
  };
}

interface DataOptions {
  readonly splits: number;
  /** Of the convolution itself. */
  readonly relu: number;
}

function data(
  n: Numbers,
  kernel: Kernel,
  numbers: readonly number[],
  { splits, relu }: DataOptions,
): CaseData {
  const shape = convolution(numbers);
  const x = shape.batch * shape.in_height * shape.in_width * shape.in_channels;
  const y = shape.batch * shape.out_height * shape.out_width * shape.out_channels;
  const weight = shape.kernel_height * shape.kernel_width * shape.in_channels / shape.groups *
    shape.out_channels;
  const sizes: Record<string, number> = { x, d_x: x, y, d_y: y, weight, d_weight: weight * splits };
  sizes.bias = shape.out_channels;
  const arrays: Record<string, Float64Array> = {};
  for (const name of kernel.inputs) arrays[name] = n.uniform(sizes[name]);
  for (const name of kernel.outputs) arrays[name] = unwritten(sizes[name]);
  if (relu === RELUS.relu6) arrays.bias = n.uniform(sizes.bias, -1, 13); // sums on both sides of 0 and of 6
  const all: Record<string, number> = { ...shape, splits, use_bias: 1, relu };
  const params = Object.fromEntries(Object.keys(kernel.params).map((name) => [name, all[name]]));
  return { arrays, params };
}

/** Of the plain program: strides, padding, groups, and windows that see nothing but padding. */
const PLAIN = [
  [2, 9, 7, 5, 7, 3, 2, 1, 1],
  [1, 6, 5, 6, 9, 3, 1, 1, 3],
  [1, 1, 1, 3, 2, 3, 2, 1, 1],
  [1, 1, 1, 1, 1, 1, 1, 0, 1],
  [2, 3, 5, 7, 4, 1, 1, 0, 1],
];

const DEPTHWISE = [2, 13, 19, 8, 8, 3, 1, 1, 8];

/** Aligned and not, one group and two; the digit at the end says which of x and y are aligned. */
const REGISTERS: readonly [suffix: string, numbers: readonly number[]][] = [
  ["16x16:8:3", [2, 9, 7, 12, 20, 3, 2, 1, 1]],
  ["16x16:2:0", [3, 9, 7, 5, 22, 3, 1, 1, 1]],
  ["16x16:4:1", [2, 8, 9, 6, 24, 3, 2, 1, 2]],
  ["8x8:1:2", [2, 8, 9, 24, 6, 3, 1, 1, 2]],
  ["8x8:4:3", [2, 13, 11, 8, 12, 5, 3, 2, 1]],
  ["8x8:8:0", [1, 7, 7, 3, 5, 1, 2, 0, 1]],
];

const WORKGROUP: typeof REGISTERS = [
  ["64x64:3", [2, 9, 7, 12, 20, 3, 2, 1, 1]],
  ["128x128:3", [2, 11, 13, 16, 136, 3, 1, 1, 1]],
  ["64x64:0", [2, 8, 9, 6, 10, 5, 3, 2, 2]],
  ["128x128:0", [3, 9, 7, 70, 138, 3, 2, 1, 1]],
];

function* convolutionsOf(kernel: Kernel): Generator<KernelCase> {
  const split = "splits" in kernel.params;
  const one = (numbers: readonly number[], program?: Program, splits = split ? 3 : 1) =>
    kernelCase(
      kernel,
      `${numbers.join(" ")}${split ? ` in ${splits}` : ""}`,
      (n) => data(n, kernel, numbers, { splits, relu: RELUS.relu }),
      { program },
    );
  for (const numbers of PLAIN) yield one(numbers);
  if (split) { for (const numbers of [...PLAIN, DEPTHWISE]) yield one(numbers, kernel, 1); } // the CPU does not split
  for (const [cases, kind] of [[REGISTERS, "registers"], [WORKGROUP, "workgroup"]] as const) {
    for (const [suffix, numbers] of cases) {
      for (const program of variantsOf(kernel, new RegExp(`_${kind}:${suffix}$`))) {
        yield one(numbers, program);
      }
    }
  }
  for (const program of variantsOf(kernel, /_depthwise:/)) {
    const strides = program.name.endsWith("0") ? [1, 2] : [Number(program.name.at(-1))];
    for (const stride of strides) yield one(DEPTHWISE.with(6, stride), program);
  }
}

/** ReLU6 at the end of each program: its kinds, and where the last channels make no four. */
function* capped(): Generator<KernelCase> {
  const programs: readonly [pattern: RegExp, numbers: readonly number[]][] = [
    [/^conv2d_registers:16x16:(8:3|2:0)$/, [2, 9, 7, 12, 20, 3, 2, 1, 1]],
    [/^conv2d_workgroup:64x64:0$/, [2, 8, 9, 6, 10, 5, 3, 2, 2]],
    [/^conv2d_depthwise:1$/, DEPTHWISE],
  ];
  const one = (numbers: readonly number[], program?: Program) =>
    kernelCase(
      CONVOLUTIONS[0],
      `${numbers.join(" ")}, ReLU6`,
      (n) => data(n, CONVOLUTIONS[0], numbers, { splits: 1, relu: RELUS.relu6 }),
      { program },
    );
  yield one(PLAIN[0]);
  for (const [pattern, numbers] of programs) {
    for (const program of variantsOf(CONVOLUTIONS[0], pattern)) yield one(numbers, program);
  }
}

/** Every case of this file. */
export function* convolutionCases(): Generator<KernelCase> {
  for (const kernel of CONVOLUTIONS) yield* convolutionsOf(kernel);
  yield* capped();
  for (const [length, splits] of [[1, 1], [77, 16], [65, 3]]) {
    yield kernelCase(sumPartialsKernel, `${splits} shares of ${length}`, (n) => ({
      arrays: { partial: n.uniform(length * splits), total: unwritten(length) },
      params: { length, splits },
    }));
  }
}
