/** Sizes at the edges: 1, primes, around tiles, none at all, past 65,535 workgroups, and what an adapter can bind. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { copyKernel, fillKernel } from "../kernels/elementwise.ts";
import type { Grid, Kernel } from "../kernels/kernel.ts";
import type { Backend } from "../lib/backend/backend.ts";
import { CpuBackend } from "../lib/backend/cpu.ts";
import { openWebgpu, WebgpuBackend } from "../lib/backend/webgpu.ts";
import {
  attention,
  avgPool2d,
  batchNorm,
  concat,
  conv2d,
  crossEntropy,
  embedding,
  filled,
  interpolate,
  linear,
  logSoftmax,
  lstmCell,
  matmul,
  maxPool2d,
  relu,
  reshape,
  slice,
  softmax,
  sum,
  tanh,
  transpose,
} from "../lib/ops/mod.ts";
import { scope } from "../lib/scope.ts";
import { Tensor, tensor } from "../lib/tensor.ts";
import { checkOp, type Op, refuses } from "./check_op.ts";
import { backends, lacksAdapter } from "./devices.ts";
import { KERNEL_CASES, runCase } from "./kernel_cases/mod.ts";

const together = (...outputs: Tensor[]) => concat(outputs.map((output) => reshape(output, [output.length])));
const ids = (like: Tensor, data: number[]) => tensor(like.backend, data, { type: "u32" });

const cell: Op = (x, h, c, weightIh, weightHh, biasIh, biasHh) => {
  const next = lstmCell(x, { h, c }, { weightIh, weightHh, biasIh, biasHh });
  return together(next.h, next.c);
};
const attend: Op = (features, att1, att2, weight, bias) => {
  const { context, alpha } = attention(features, { att1, att2 }, { weight, bias });
  return together(context, alpha);
};

describe("sizes", () => {
  it("of 1 are right everywhere", async () => {
    await checkOp(relu, [[1]], { ranges: [[0.5, 1]] });
    await checkOp(tanh, [[1, 1, 1]]);
    await checkOp((x) => softmax(x), [[1, 1]]);
    await checkOp((x) => logSoftmax(x), [[1, 1]]);
    await checkOp((x) => sum(x), [[1]]);
    await checkOp((x) => transpose(x), [[1, 1]]);
    await checkOp((x) => slice(x, { axis: 0, start: 0, length: 1 }), [[1]]);
    await checkOp((x) => maxPool2d(x, { kernel: 1 }), [[1, 1, 1, 1]]);
    await checkOp((x) => avgPool2d(x, { kernel: 1 }), [[1, 1, 1, 1]]);
    await checkOp((x) => interpolate(x, [1, 1]), [[1, 1, 1, 1]]);
    await checkOp((x, w) => conv2d(x, w), [[1, 1, 1, 1], [1, 1, 1, 1]]);
    await checkOp((x, w, bias) => linear(x, { weight: w, bias }), [[1, 1], [1, 1], [1]]);
    await checkOp((x) => crossEntropy(x, ids(x, [0]), { ignored: 1 }), [[1, 1]]);
    await checkOp(cell, [[1, 1], [1, 1], [1, 1], [4, 1], [4, 1], [4], [4]]);
    await checkOp(attend, [[1, 1, 1], [1, 1, 1], [1, 1], [1, 1], [1]], { ranges: [[-1, 1], [1, 2], [1, 2]] });
  });

  it("around the tiles of matrix products are right", async () => {
    // 6 × 8 registers of the CPU; 16 × 16 elements, 8 × 64 and 16 × 128 of the adapters
    for (
      const [M, K, N] of [[5, 7, 7], [6, 8, 8], [7, 9, 9], [15, 17, 16], [17, 15, 17], [33, 31, 65], [
        1,
        131,
        129,
      ]]
    ) {
      await checkOp((a, b) => matmul(a, b), [[M, K], [K, N]]);
    }
    await checkOp((a, b) => matmul(a, b, { transposeB: true }), [[17, 127], [67, 127]]);
    await checkOp((a, b) => matmul(a, b, { transposeA: true }), [[127, 17], [127, 67]]);
  });

  it("around them are right with a real GPU's programs", { ignore: lacksAdapter }, async () => {
    const gpu = await openWebgpu({ traits: { software: false } });
    const devices = [gpu];
    await checkOp((a, b) => matmul(a, b), [[33, 31], [31, 65]], { devices });
    await checkOp((a, b) => matmul(a, b, { transposeB: true }), [[5, 128], [36, 128]], { devices });
    await checkOp((a, b) => matmul(a, b, { transposeA: true }), [[64, 17], [64, 20]], { devices });
    gpu.close();
  });

  it("around the tiles of convolutions are right", async () => {
    for (const [size, inputs, outputs] of [[7, 3, 7], [8, 4, 8], [9, 5, 9], [5, 16, 17], [4, 13, 15]]) {
      const op: Op = (x, w) => conv2d(x, w, { padding: 1 });
      await checkOp(op, [[1, size, size, inputs], [3, 3, inputs, outputs]]);
    }
    await checkOp((x, w) => conv2d(x, w, { stride: 2, padding: 1, groups: 8 }), [[2, 7, 9, 8], [3, 3, 1, 8]]);
  });

  it("of primes are right in reductions and rows", async () => {
    await checkOp((x) => softmax(x), [[67, 61]]);
    await checkOp((x) => crossEntropy(x, ids(x, [1, 0, 60, 7, 0, 3, 2])), [[7, 61]]);
    await checkOp((weight) => embedding(weight, ids(weight, [12, 0, 12, 3, 5])), [[13, 67]]);
    await checkOp(cell, [[3, 13], [3, 17], [3, 17], [68, 13], [68, 17], [68], [68]]);
    await checkOp(attend, [[2, 13, 7], [2, 13, 67], [2, 67], [1, 67], [1]]);
    const norm: Op = (x, weight, bias) => {
      const numbers = (value: number) => tensor(x.backend, Array(bias.length).fill(value));
      const running = { runningMean: numbers(0), runningVar: numbers(1) };
      return batchNorm(x, { weight, bias, ...running }, { training: true });
    };
    await checkOp(norm, [[131, 13], [13], [13]]);
  });
});

describe("a batch of 0", () => {
  it("is refused where it is made, by name", () => {
    const backend = new CpuBackend();
    const empty = /Cannot make "features" of shape \[0, 5\]: every size must be a whole number of at least 1/;
    refuses(() => new Tensor(backend, [0, 5], { label: "features" }), empty);
    refuses(() => tensor(backend, [], { shape: [0, 5], label: "features" }), empty);
    refuses(() => slice(tensor(backend, [1, 2]), { axis: 0, start: 0, length: 0 }), /Cannot slice/);
  });
});

/** The kernel on a grid that is folded into y, as it is past 65,535 workgroups. */
function folded(kernel: Kernel): Kernel {
  const fold: Kernel = {
    ...kernel,
    workgroups(params) {
      const [x] = kernel.workgroups(params);
      return [Math.ceil(x / 3), 3, 1];
    },
  };
  return fold;
}

describe("past 65,535 workgroups", () => {
  // A kernel whose grid has more axes from the start folds in a way of its own: its cases see to that.
  const isRow = ([, y, z]: Grid) => y === 1 && z === 1;
  const cases = KERNEL_CASES.filter(({ kernel, program, make }) =>
    program === kernel && /num_workgroups/.test(kernel.wgsl) && isRow(kernel.workgroups(make().params))
  );

  it("every kernel whose grid folds finds its elements", { ignore: lacksAdapter }, async () => {
    assert.ok(new Set(cases.map(({ kernel }) => kernel)).size >= 40, `${cases.length} cases`);
    const programs = new Map(cases.map(({ kernel }) => [kernel, folded(kernel)]));
    for (const one of cases) {
      const { name, error, tolerance, message } = await runCase(backends[1], {
        ...one,
        program: programs.get(one.kernel)!,
      });
      assert.ok(error <= tolerance, `${name}, folded: ${message}`);
    }
  });

  it(
    "a product of too many matrices is refused on WebGPU, and not on the CPU",
    { ignore: lacksAdapter },
    async () => {
      const [cpu, webgpu] = backends;
      const products = (backend: Backend) =>
        scope(() => {
          const matrices = (value: number) => filled(backend, [65536, 1, 1], value);
          return matmul(matrices(2), matrices(3));
        });
      const y = products(cpu);
      assert.deepEqual([...(await y.read()).slice(-2)], [6, 6]);
      y.dispose();
      assert.throws(
        () => products(webgpu),
        /Cannot run matmul.* with \[1, 1, 65536\] workgroups: .* from 1 to 65535/,
      );
    },
  );
});

describe("an adapter's largest binding", { ignore: lacksAdapter }, () => {
  it("is filled to its last element, and one more is refused", async () => {
    const adapter = await navigator.gpu.requestAdapter();
    // Without asking, a device has the limits that WebGPU guarantees: 128 MiB.
    const backend = new WebgpuBackend(await adapter!.requestDevice(), adapter!.info);
    const length = 2 ** 25;
    const large = backend.alloc(length);
    backend.run(fillKernel, { y: large }, { count: length, value: 0.5 });
    const end = backend.alloc(8);
    backend.run(fillKernel, { y: end }, { count: 8, value: 0 });
    backend.run(copyKernel, { x: large, y: end }, { count: 5, x_offset: length - 5, y_offset: 1 });
    assert.deepEqual([...await backend.read(end)], [0, 0.5, 0.5, 0.5, 0.5, 0.5, 0, 0]);
    assert.throws(
      () => backend.alloc(length + 1),
      /Cannot allocate 33554433 elements, 134217744 bytes: this adapter binds at most 134217728 bytes/,
    );
    backend.close();
  });
});
