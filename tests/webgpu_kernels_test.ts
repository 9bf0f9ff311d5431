// This module runs in Deno only.
/** Every kind of program of the matrix product and the convolutions against its twin, on ragged shapes. */

import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { conv2dKernel } from "../kernels/conv2d.ts";
import { conv2dBackwardInputKernel } from "../kernels/conv2d_backward_input.ts";
import { conv2dBackwardWeightKernel, convWeightSplits } from "../kernels/conv2d_backward_weight.ts";
import type { ConvParams } from "../kernels/conv2d_shape.ts";
import { sumPartialsKernel } from "../kernels/conv2d_sum_partials.ts";
import type { Kernel, Program } from "../kernels/kernel.ts";
import { matmulKernel } from "../kernels/matmul.ts";
import { openWebgpu, type WebgpuBackend } from "../lib/backend/webgpu.ts";
import { IN_CI } from "./fixtures.ts";

const lacksAdapter = !IN_CI && await navigator.gpu?.requestAdapter() == null;

let backend: WebgpuBackend;
let state = 1;

/** Numbers from -0.5 to 0.5, the same in every run. */
function random(): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32 - 0.5;
}

/**
 * Runs one program of `kernel`, and compares with the twin in f64.
 *
 * Sums of n products of numbers below 0.5 drift by some 1e-7 · √n; 1e-5 allows for 2,000 of them.
 */
async function check<B extends string, P extends string>(
  kernel: Kernel<B, P>,
  program: Program<P>,
  { arrays, params }: { arrays: Record<B, Float64Array>; params: Record<P, number> },
): Promise<void> {
  const names = [...kernel.inputs, ...kernel.outputs];
  const storages = names.map((name) => backend.alloc(arrays[name].length));
  names.forEach((name, i) => backend.write(storages[i], arrays[name]));
  const buffers = Object.fromEntries(names.map((name, i) => [name, storages[i]])) as never; // all names are there
  backend.run({ ...kernel, choose: () => program }, buffers, params);
  kernel.cpu(arrays, params);
  for (const name of kernel.outputs) {
    const got = await backend.read(storages[names.indexOf(name)]);
    let worst = { error: 0, at: 0 };
    for (let i = 0; i < got.length; i++) {
      const want = arrays[name][i];
      const error = Object.is(got[i], want) || Number.isNaN(got[i]) && Number.isNaN(want)
        ? 0
        : Math.abs(got[i] - want) / (1 + Math.abs(want));
      if (!(error <= worst.error)) worst = { error, at: i };
      if (Number.isNaN(error)) break;
    }
    const { error, at } = worst;
    assert.ok(error <= 1e-5, `${program.name}: ${name}[${at}] is ${got[at]}, should be ${arrays[name][at]}`);
  }
  storages.forEach((storage) => backend.free(storage));
}

/** The programs whose names match, so that none is forgotten when names change. */
function variantsOf<P extends string>(kernel: Kernel<string, P>, pattern: RegExp): readonly Program<P>[] {
  const found = (kernel.variants ?? []).filter(({ name }) => pattern.test(name));
  assert.notEqual(found.length, 0, `no variant of ${kernel.name} matches ${pattern}`);
  return found;
}

/** A row-major matrix whose gaps between rows, and what lies around it, hold `gap`. */
function matrix(
  [rows, columns]: readonly [number, number],
  { offset, row, gap, batch, stride }: Record<"offset" | "row" | "gap" | "batch" | "stride", number>,
): Float64Array {
  const array = new Float64Array(offset + (batch - 1) * stride + rows * row + 3).fill(gap);
  for (let i = 0; i < batch; i++) {
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) array[offset + i * stride + r * row + c] = Math.fround(random());
    }
  }
  return array;
}

/**
 * Two products [37, K] · [K, N] with bias that add to c. What lies between the rows of a and b is NaN, so that
 * reading one too many shows; what lies between those of c must stay.
 */
function product([transposeA, transposeB]: readonly [number, number], aligned: boolean) {
  const [M, N, K, batch] = aligned ? [37, 148, 22, 2] : [37, 149, 23, 2];
  const [odd, offset] = aligned ? [4, 8] : [5, 3];
  const [aShape, bShape] = [[M, K] as const, [K, N] as const].map((shape, i) =>
    [transposeA, transposeB][i] ? [shape[1], shape[0]] as const : shape
  );
  const row = (columns: number) => aligned ? Math.ceil(columns / 4) * 4 + odd : columns + odd;
  const [lda, ldb, ldc] = [row(aShape[1]), row(bShape[1]), row(N)];
  const stride = (rows: number, length: number) => rows * length + odd * 4;
  const strides = [stride(aShape[0], lda), stride(bShape[0], ldb), stride(M, ldc)];
  return {
    arrays: {
      a: matrix(aShape, { offset, row: lda, gap: NaN, batch, stride: strides[0] }),
      b: matrix(bShape, { offset, row: ldb, gap: NaN, batch, stride: strides[1] }),
      bias: matrix([1, N], { offset: 0, row: N, gap: 0, batch: 1, stride: 0 }),
      c: matrix([M, N], { offset, row: ldc, gap: 7, batch, stride: strides[2] }),
    },
    params: {
      ...{ M, N, K, batch, lda, ldb, ldc },
      ...{ offset_a: offset, offset_b: offset, offset_c: offset },
      ...{ stride_a: strides[0], stride_b: strides[1], stride_c: strides[2] },
      ...{ transpose_a: transposeA, transpose_b: transposeB, beta: 1, use_bias: 1 },
    },
  };
}

const TRANSPOSES = { nn: [0, 0], nt: [0, 1], tn: [1, 0], tt: [1, 1] } as const;

/** Batch, height, width, Cin, Cout, kernel, stride, padding, groups. */
function convolution(numbers: readonly number[]): ConvParams {
  const [batch, in_height, in_width, in_channels, out_channels, kernel, stride, padding, groups] = numbers;
  return {
    ...{ batch, in_height, in_width, in_channels, out_channels, stride, padding, groups },
    kernel_height: kernel,
    kernel_width: kernel,
    out_height: Math.floor((in_height + 2 * padding - kernel) / stride) + 1,
    out_width: Math.floor((in_width + 2 * padding - kernel) / stride) + 1,
  };
}

async function checkConvolution<B extends string, P extends string>(
  kernel: Kernel<B, P>,
  program: Program<P>,
  numbers: readonly number[],
): Promise<void> {
  const shape = convolution(numbers);
  const splits = "splits" in kernel.params ? 3 : 1;
  const x = shape.batch * shape.in_height * shape.in_width * shape.in_channels;
  const y = shape.batch * shape.out_height * shape.out_width * shape.out_channels;
  const weight = shape.kernel_height * shape.kernel_width * shape.in_channels / shape.groups *
    shape.out_channels;
  const sizes: Record<string, number> = { x, d_x: x, y, d_y: y, weight, d_weight: weight * splits };
  sizes.bias = shape.out_channels;
  const arrays = {} as Record<B, Float64Array>; // filled below, one per name
  for (const name of kernel.inputs) {
    // What lies behind the array is NaN, so that reading beyond its end shows.
    arrays[name] = Float64Array.from(
      { length: sizes[name] + 256 },
      (_, i) => i < sizes[name] ? Math.fround(random()) : NaN,
    );
  }
  for (const name of kernel.outputs) arrays[name] = new Float64Array(sizes[name]).fill(NaN);
  const params = { ...shape, splits, use_bias: 1, relu: 1 } as never; // more names than some kernels have
  await check(kernel, program, { arrays, params });
}

const CONVOLUTIONS: readonly Kernel[] = [conv2dKernel, conv2dBackwardInputKernel, conv2dBackwardWeightKernel];

describe("WebGPU programs", { ignore: lacksAdapter }, () => {
  beforeAll(async () => {
    backend = await openWebgpu();
  });
  afterAll(() => backend.close());

  for (const [name, transposes] of Object.entries(TRANSPOSES)) {
    it(`multiply matrices (${name}) as the twin does, by aligned vectors or not`, async () => {
      await check(matmulKernel, matmulKernel, product(transposes, false));
      for (const aligned of [true, false]) {
        const size = { nn: "16x16", nt: "8x8", tn: "4x16", tt: "16x16" }[name];
        const patterns = [
          `^matmul_registers:${size}:${name}:${aligned ? 7 : 0}$`,
          `^matmul_workgroup:${name === "nn" ? "128x128" : "64x64"}:${name}:${Number(aligned)}$`,
        ];
        for (const pattern of patterns) {
          for (const program of variantsOf(matmulKernel, new RegExp(pattern))) {
            await check(matmulKernel, program, product(transposes, aligned));
          }
        }
      }
    });
  }

  it("multiply without reading c or bias that nobody asked for", async () => {
    const { arrays, params } = product([0, 0], true);
    arrays.c.fill(NaN);
    arrays.bias.fill(NaN);
    for (
      const program of variantsOf(matmulKernel, /^matmul_(registers:16x16:nn:7|workgroup:128x128:nn:1)$/)
    ) {
      const copies = { ...arrays, c: arrays.c.slice() };
      await check(matmulKernel, program, { arrays: copies, params: { ...params, beta: 0, use_bias: 0 } });
    }
  });

  for (const kernel of CONVOLUTIONS) {
    it(`${kernel.name}: the plain program, strides, padding, groups and empty classes`, async () => {
      for (
        const shape of [[2, 9, 7, 5, 7, 3, 2, 1, 1], [1, 6, 5, 6, 9, 3, 1, 1, 3], [1, 1, 1, 3, 2, 3, 2, 1, 1]]
      ) {
        await checkConvolution(kernel, kernel, shape);
      }
    });

    it(`${kernel.name}: tiles in registers`, async () => {
      // Aligned and not, one group and two; the digit at the end says which of x and y are aligned.
      const cases: [string, number[]][] = [
        ["16x16:8:3", [2, 9, 7, 12, 20, 3, 2, 1, 1]],
        ["16x16:2:0", [3, 9, 7, 5, 22, 3, 1, 1, 1]],
        ["16x16:4:1", [2, 8, 9, 6, 24, 3, 2, 1, 2]],
        ["8x8:1:2", [2, 8, 9, 24, 6, 3, 1, 1, 2]],
        ["8x8:4:3", [2, 13, 11, 8, 12, 5, 3, 2, 1]],
        ["8x8:8:0", [1, 7, 7, 3, 5, 1, 2, 0, 1]],
      ];
      for (const [suffix, shape] of cases) {
        for (const program of variantsOf(kernel, new RegExp(`_registers:${suffix}$`))) {
          await checkConvolution(kernel, program, shape);
        }
      }
    });

    it(`${kernel.name}: tiles in workgroup memory`, async () => {
      const cases: [string, number[]][] = [
        ["64x64:3", [2, 9, 7, 12, 20, 3, 2, 1, 1]],
        ["128x128:3", [2, 11, 13, 16, 136, 3, 1, 1, 1]],
        ["64x64:0", [2, 8, 9, 6, 10, 5, 3, 2, 2]],
      ];
      for (const [suffix, shape] of cases) {
        for (const program of variantsOf(kernel, new RegExp(`_workgroup:${suffix}$`))) {
          await checkConvolution(kernel, program, shape);
        }
      }
    });

    it(`${kernel.name}: depthwise`, async () => {
      for (const program of variantsOf(kernel, /_depthwise:/)) {
        const strides = program.name.endsWith("0") ? [1, 2] : [Number(program.name.at(-1))];
        for (const stride of strides) {
          await checkConvolution(kernel, program, [2, 13, 19, 8, 8, 3, stride, 1, 8]);
        }
      }
    });

    it(`${kernel.name}: the choice suits shape and adapter`, () => {
      const choose = (numbers: number[], software: boolean) =>
        kernel.choose!({ ...convolution(numbers), splits: 1, use_bias: 0, relu: 0 }, { software }).name;
      const large = [8, 28, 28, 64, 64, 3, 1, 1, 1];
      assert.match(choose(large, true), /_registers:16x16:\d:3$/);
      assert.match(choose(large, false), /_workgroup:64x64:3$/);
      assert.match(choose([8, 28, 28, 64, 64, 3, 2, 1, 64], true), /_depthwise:[02]$/);
      assert.equal(choose([1, 3, 3, 4, 4, 3, 1, 1, 1], true), kernel.name);
    });
  }

  it("add up the shares of a weight gradient", async () => {
    const [length, splits] = [77, convWeightSplits(convolution([4, 16, 16, 8, 8, 3, 1, 1, 1]))];
    assert.ok(splits > 1, "1,024 pixels and 576 elements are worth splitting");
    const partial = Float64Array.from({ length: length * splits }, () => Math.fround(random()));
    const arrays = { partial, total: new Float64Array(length) };
    await check(sumPartialsKernel, sumPartialsKernel, { arrays, params: { length, splits } });
  });
});
