// This module runs in Deno only.
/**
 * Every kernel against its twin in f64: all kinds of WGSL programs on the adapter, reading buffers and reading texels,
 * and the fast forms on the CPU.
 */

import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { convWeightSplits } from "../kernels/conv2d_backward_weight.ts";
import type { Program } from "../kernels/kernel.ts";
import { matmulKernel } from "../kernels/matmul.ts";
import { KERNELS } from "../kernels/mod.ts";
import { softmaxKernel } from "../kernels/softmax.ts";
import type { Backend } from "../lib/backend/backend.ts";
import { openWebgpu } from "../lib/backend/webgpu.ts";
import { sourceFile } from "../lib/backend/webgpu_errors.ts";
import { backends, lacksAdapter } from "./devices.ts";
import { convolution, CONVOLUTIONS } from "./kernel_cases/convolutions.ts";
import { KERNEL_CASES, type KernelCase, runCase } from "./kernel_cases/mod.ts";

const [cpu] = backends;
const open = async (texelLoads: number) => lacksAdapter ? undefined : await openWebgpu({ texelLoads });
const [fromBuffers, fromTexels] = [await open(Infinity), await open(0)];

async function check(backend: Backend, cases: readonly KernelCase[]): Promise<void> {
  assert.notEqual(cases.length, 0, "no case");
  const failures: string[] = [];
  for (const one of cases) {
    const { name, error, tolerance, message } = await runCase(backend, one);
    if (!(error <= tolerance)) failures.push(`${name} on ${backend.name}: ${message}`);
  }
  assert.equal(failures.length, 0, `${backend.description} differs from the twin:\n${failures.join("\n")}`);
}

describe("kernel cases", () => {
  it("run every WGSL file", () => {
    const files = (programs: readonly Program[]) => [...new Set(programs.map(sourceFile))].sort();
    const all = KERNELS.flatMap((kernel): Program[] => [kernel, ...kernel.variants ?? []]);
    const covered = files(KERNEL_CASES.map(({ program }) => program));
    assert.deepEqual(covered, files(all), "a program without a case: add one in tests/kernel_cases");
  });

  it("make the same data each time", () => {
    for (const { make } of KERNEL_CASES.slice(0, 3)) assert.deepEqual(make(), make());
  });
});

for (const kernel of KERNELS) {
  const cases = KERNEL_CASES.filter((one) => one.kernel === kernel);
  describe(kernel.name, () => {
    it("computes in WGSL what its twin does", { ignore: lacksAdapter }, () => check(fromBuffers!, cases));

    it("computes from texels what its twin does", { ignore: lacksAdapter }, () => check(fromTexels!, cases));

    it("computes on the CPU what its twin does in f64", () => check(cpu, cases));
  });
}

for (const kernel of CONVOLUTIONS) {
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

it("matmul: the choice suits shape and adapter", () => {
  const choose = (M: number, N: number, K: number, software = false) => {
    const sizes = { M, N, K, batch: 1, lda: K, ldb: N, ldc: N };
    const offsets = { offset_a: 0, offset_b: 0, offset_c: 0, stride_a: 0, stride_b: 0, stride_c: 0 };
    const rest = { transpose_a: 0, transpose_b: 0, beta: 0, use_bias: 0, relu: 0 };
    return matmulKernel.choose!({ ...sizes, ...offsets, ...rest }, { software });
  };
  assert.match(choose(4096, 4096, 4096).name, /^matmul_workgroup:128x128:nn:1$/);
  assert.match(choose(512, 2048, 6272).name, /^matmul_workgroup:64x64:nn:1$/); // 64 tiles of 128 × 128
  assert.match(choose(32, 2048, 2048).name, /^matmul_slices:32x16:nn:1$/);
  assert.match(choose(5, 9490, 511).name, /^matmul_slices:8x16:nn:0$/);
  assert.match(choose(32, 2048, 2048, true).name, /^matmul_registers:/);
  assert.equal(choose(16, 16, 16).name, "matmul");
  const wide = choose(8, 1_500_000, 64); // 8 × 16 would take more workgroups than there may be
  assert.ok(wide.workgroups({ M: 8, N: 1_500_000, batch: 1 } as never).every((size) => size <= 65535));
});

it("rows of some length get a workgroup each on real GPUs, and an invocation on software", () => {
  const rows = (size: number, inner = 1) => ({
    outer: 9,
    size,
    inner,
    x_offset: 0,
    y_offset: 0,
    logarithm: 0,
  });
  const choose = (size: number, inner: number, software: boolean) =>
    softmaxKernel.choose!(rows(size, inner), { software }).name;
  assert.equal(choose(9490, 1, false), "softmax_workgroup:256");
  assert.equal(choose(196, 1, false), "softmax_workgroup:64");
  for (const name of [choose(9490, 1, true), choose(9490, 2, false), choose(10, 1, false)]) {
    assert.equal(name, "softmax");
  }
});

it("the sum over pixels is split where it is worth it", () => {
  assert.ok(
    convWeightSplits(convolution([4, 16, 16, 8, 8, 3, 1, 1, 1])) > 1,
    "1,024 pixels and 576 elements",
  );
  assert.equal(convWeightSplits(convolution([1, 4, 4, 8, 8, 3, 1, 1, 1])), 1);
});
