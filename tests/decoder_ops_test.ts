/** Ops of decoders and losses: gradients by finite differences, and the same values on every backend. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { ATTENTION_STEP_POSITIONS } from "../kernels/attention_step.ts";
import { openWebgpu } from "../lib/backend/webgpu.ts";
import {
  attendSequence,
  attention,
  attentionCoverage,
  concat,
  crossEntropy,
  embedding,
  linear,
  logSoftmax,
  lstmCell,
  lstmSequence,
  matmul,
  reshape,
  softmax,
  sub,
} from "../lib/ops/mod.ts";
import { Random } from "../lib/random.ts";
import { sizeOf, type Tensor, tensor } from "../lib/tensor.ts";
import { checkOp, compare, named, onAll, type Op, refuses } from "./check_op.ts";
import { lacksAdapter } from "./devices.ts";

/** All the numbers of several outputs, so that the gradient goes through each. */
const together = (...outputs: Tensor[]) => concat(outputs.map((output) => reshape(output, [output.length])));

/** Ids on the backend of another tensor. */
const ids = (like: Tensor, data: number[], shape = [data.length]) =>
  tensor(like.backend, data, { type: "u32", shape });

describe("matrix ops", () => {
  it("have the right values and gradients", async () => {
    await checkOp((a, b) => matmul(a, b), [[17, 33], [33, 9]]);
    await checkOp((a, b) => matmul(a, b, { transposeA: true }), [[7, 5], [7, 3]]);
    await checkOp((a, b) => matmul(a, b, { transposeB: true }), [[5, 7], [3, 7]]);
    await checkOp((a, b) => matmul(a, b, { transposeA: true, transposeB: true }), [[7, 5], [3, 7]]);
    await checkOp((a, b) => matmul(a, b), [[3, 2, 5], [3, 5, 4]]);
    await checkOp((a, b) => matmul(a, b, { transposeB: true }), [[1, 1], [1, 1]]);
    await checkOp((x, weight, bias) => linear(x, { weight, bias }), [[2, 3, 5], [7, 5], [7]]);
    await checkOp((x, weight) => linear(x, { weight }), [[65, 3], [1, 3]]);
    for (const activation of ["relu", "relu6"] as const) {
      const fused: Op = (x, weight, bias) => linear(x, { weight, bias }, { activation });
      await checkOp(fused, [[2, 7, 5], [7, 5], [7]], { ranges: [[-4, 4], [-2, 2], [-1, 5]] });
    }
  });

  it("explain shapes that do not fit", () => {
    refuses(
      () => matmul(named("features", 2, 3), named("weights", 4, 2)),
      /Cannot multiply "features" \[2, 3\] by "weights" \[4, 2\]: .* equal inner sizes, got 3 and 4/,
    );
    refuses(
      () => matmul(named("a", 1, 2, 3), named("b", 5, 3, 2)),
      /"a" \[1, 2, 3\] by "b" \[5, 3, 2\]: .* as many/,
    );
  });
});

describe("softmax() and crossEntropy()", () => {
  const targets = [3, 0, 1, 4]; // 0 is padding

  it("have the right values and gradients", async () => {
    await checkOp((x) => softmax(x), [[5, 13]], { ranges: [[-4, 4]] });
    await checkOp((x) => softmax(x, { axis: 1 }), [[2, 7, 3]]);
    await checkOp((x) => logSoftmax(x), [[3, 65]], { ranges: [[-100, 100]] });
    await checkOp((x) => logSoftmax(x, { axis: 0 }), [[4, 1]]);
    await checkOp((x) => crossEntropy(x, ids(x, targets)), [[4, 5]], { ranges: [[-3, 3]] });
    await checkOp((x) => crossEntropy(x, ids(x, targets), { ignored: 4 }), [[2, 2, 67]]);
    const smoothed = { ranges: [[-3, 3]] } as const;
    await checkOp((x) => crossEntropy(x, ids(x, targets), { smoothing: 0.2 }), [[4, 5]], smoothed);
  });

  it("explain targets that do not fit", () => {
    refuses(() => {
      const logits = named("logits", 3, 5);
      crossEntropy(logits, ids(logits, targets));
    }, /Cannot take the cross entropy of "logits" \[3, 5\] for .* one u32 target per row, 3/);
  });
});

describe("embedding()", () => {
  it("has the right values and gradients, with words that repeat", async () => {
    await checkOp((weight) => embedding(weight, ids(weight, [2, 6, 2, 0, 2, 6], [2, 3])), [[7, 5]]);
    await checkOp((weight) => embedding(weight, ids(weight, [0])), [[1, 65]]);
  });
});

describe("recurrent ops", () => {
  const lstm = (I: number, H: number) => [[4 * H, I], [4 * H, H], [4 * H], [4 * H]];

  it("have the right values and gradients", async () => {
    const cell: Op = (x, h, c, weightIh, weightHh, biasIh, biasHh) => {
      const next = lstmCell(x, { h, c }, { weightIh, weightHh, biasIh, biasHh });
      return together(next.h, next.c);
    };
    await checkOp(cell, [[3, 7], [3, 5], [3, 5], ...lstm(7, 5)]);
    const sequence: Op = (x, h, c, weightIh, weightHh, biasIh, biasHh) => {
      const { hidden, cell } = lstmSequence(x, { h, c }, { weightIh, weightHh, biasIh, biasHh });
      return together(hidden, cell);
    };
    await checkOp(sequence, [[4, 2, 3], [2, 5], [2, 5], ...lstm(3, 5)]);
  });

  it("attend with the right values and gradients", async () => {
    const step: Op = (features, att1, att2, weight, bias) => {
      const { context, alpha } = attention(features, { att1, att2 }, { weight, bias });
      return together(context, alpha);
    };
    await checkOp(step, [[3, 10, 7], [3, 10, 5], [3, 5], [1, 5], [1]]);
    await checkOp(step, [[2, 1, 5], [2, 1, 3], [2, 3], [1, 3], [1]]);
    const withTanh: Op = (features, att1, att2, weight, bias) => {
      const halves = { att1, att2 };
      const { context, alpha } = attention(features, halves, { weight, bias }, { squash: "tanh" });
      return together(context, alpha);
    };
    await checkOp(withTanh, [[3, 10, 7], [3, 10, 5], [3, 5], [1, 5], [1]]);
    const coverage: Op = (alphas) => attentionCoverage(alphas, ids(alphas, [4, 5, 6, 0, 7, 0], [3, 2]));
    await checkOp(coverage, [[3, 2, 5]]);
  });

  const [T, B, P, D, A, E, H] = [3, 2, 5, 4, 6, 3, 5];
  const layers = [...lstm(E + D, H), [A, H], [A], [1, A], [1], [D, H], [D]];
  const over = (squash: "relu" | "tanh"): Op => (embedded, features, att1, h, c, ...weights) => {
    const [wIh, wHh, bIh, bHh, sw, sb, fw, fb, gw, gb] = weights;
    const { hidden, alphas, context, cell } = attendSequence(embedded, {
      squash,
      memory: { features, att1 },
      state: { h, c },
      weights: {
        lstm: { weightIh: wIh, weightHh: wHh, biasIh: bIh, biasHh: bHh },
        state: { weight: sw, bias: sb },
        full: { weight: fw, bias: fb },
        gate: { weight: gw, bias: gb },
      },
    });
    return squash === "tanh" ? together(hidden, alphas, cell, context) : together(hidden, alphas, cell);
  };
  const sequence = over("relu");

  it("attend over a whole sequence", async () => {
    const shapes = [[T, B, E], [B, P, D], [B, P, A], [B, H], [B, H], ...layers];
    await checkOp(sequence, shapes);
    await checkOp(over("tanh"), shapes); // with the context as an output that is used
  });

  it(
    "attend in two dispatches on a real GPU, in more where it cannot",
    { ignore: lacksAdapter },
    async () => {
      const gpu = await openWebgpu({ traits: { software: false } });
      const seen = new Set<string>();
      const { run } = gpu;
      gpu.run = (kernel, ...rest) => {
        seen.add(kernel.name);
        run.call(gpu, kernel, ...rest);
      };
      const devices = [gpu];
      const shapes = [[T, B, E], [B, P, D], [B, P, A], [B, H], [B, H], ...layers];
      await checkOp(over("relu"), shapes, { devices });
      await checkOp(over("tanh"), shapes, { devices });
      const step: Op = (features, att1, att2, weight, bias) => {
        const { context, alpha } = attention(features, { att1, att2 }, { weight, bias });
        return together(context, alpha);
      };
      await checkOp(step, [[3, 10, 7], [3, 10, 5], [3, 5], [1, 5], [1]], { devices });
      const inTurn = ["softmax", "attention_context", "sigmoid_gate"];
      assert.deepEqual([seen.has("attention_step"), ...inTurn.map((name) => seen.has(name))], [
        true,
        ...inTurn.map(() => false),
      ]);
      seen.clear();
      const positions = ATTENTION_STEP_POSITIONS + 1;
      await checkOp(step, [[1, positions, 1], [1, positions, 1], [1, 1], [1, 1], [1]], { devices });
      assert.deepEqual([seen.has("attention_step"), seen.has("attention_context")], [false, true]);
      gpu.close();
    },
  );

  it("attend with several beams an image as with the image repeated", async () => {
    const beams = 3;
    const N = B * beams;
    const difference: Op = (embedded, features, att1, ...rest) => {
      const repeated = [features, att1].map((map) => {
        const [, rows, columns] = map.shape;
        const each = reshape(map, [B, 1, rows, columns]);
        return reshape(concat(Array(beams).fill(each), 1), [N, rows, columns]);
      });
      return sub(sequence(embedded, features, att1, ...rest), sequence(embedded, ...repeated, ...rest));
    };
    const shapes = [[1, N, E], [B, P, D], [B, P, A], [N, H], [N, H], ...layers];
    const inputs = shapes.map((shape, i) => {
      const random = new Random(i);
      return [Array.from({ length: sizeOf(shape) }, () => random.normal()), shape] as const;
    });
    for (const got of await onAll(difference, inputs)) {
      compare(got, Array(got.length).fill(0), { what: "the difference", tolerance: 0 });
    }
  });
});
