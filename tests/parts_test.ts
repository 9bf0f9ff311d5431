/** A step's batch in parts: several passes, or several processes, take the same step as one. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { valueAndGrad } from "../lib/autograd.ts";
import type { Backend } from "../lib/backend/backend.ts";
import { CpuBackend } from "../lib/backend/cpu.ts";
import { cutRows } from "../lib/data/parts.ts";
import { cutBatch } from "../lib/models/batch_parts.ts";
import { CaptionModel } from "../lib/models/caption_model.ts";
import { type HostWords, uploadBatch } from "../lib/models/device_batch.ts";
import type { ModelConfig } from "../lib/models/config.ts";
import { type JointStatistics, withJointStatistics } from "../lib/ops/joint_statistics.ts";
import { batchNorm, mul, scale, square, sum } from "../lib/ops/mod.ts";
import { hash32, uniformAt } from "../lib/random.ts";
import { scope } from "../lib/scope.ts";
import { tensor } from "../lib/tensor.ts";
import { ALONE, type Communicator } from "../lib/train/communicator.ts";
import { Team } from "../lib/train/team.ts";
import { Trainer } from "../lib/train/trainer.ts";
import { compare } from "./check_op.ts";
import { backends } from "./devices.ts";
import { CONFIG, WORDS } from "./small_model.ts";

const RECIPE = {
  learningRate: 1e-3,
  schedule: "constant",
  warmup: 0,
  steps: 10,
  clipNorm: 5,
  alphaC: 1,
  seed: 5,
} as const;

/** Random pictures with captions of 3 to 7 words. */
function batchOf(rows: number, seed = 0): HostWords & { readonly pixels: Uint8Array } {
  const lengths = Array.from({ length: rows }, (_, i) => 5 + hash32(seed, 1, i) % 5);
  const columns = Math.max(...lengths);
  const captions = lengths.flatMap((length, row) =>
    Array.from({ length: columns }, (_, t) => {
      if (t === 0) return 1;
      if (t >= length) return 0;
      return t === length - 1 ? 2 : 4 + hash32(seed, 2, row, t) % (WORDS - 4);
    })
  );
  const pixels = Uint8Array.from({ length: rows * 16 * 16 * 3 }, (_, i) => hash32(seed, 3, i) & 255);
  return { pixels, captions, columns, lengths };
}

/** A model whose batch norm uses running statistics: a part then does not depend on the others. */
function modelWithFrozenNorm(backend: Backend, decoder: ModelConfig["decoder"]): CaptionModel {
  const model = new CaptionModel(backend, { ...CONFIG, decoder }, { words: WORDS, seed: 7 });
  const { encode } = model.encoder;
  return Object.assign(model, {
    encoder: {
      ...model.encoder,
      encode: (x: Parameters<typeof encode>[0]) => encode(x, { training: false }),
    },
  });
}

describe("rows cut into parts", () => {
  it("cover the batch once, in passes first and then in processes, for any number of either", () => {
    for (
      const [rows, passes, size] of [[10, 1, 1], [10, 3, 1], [10, 1, 3], [11, 3, 2], [7, 2, 5], [3, 4, 2]]
    ) {
      const ranks = Array.from({ length: size }, (_, rank) => cutRows(rows, { passes, rank, size }));
      const count = ranks[0].length;
      assert.ok(ranks.every((ranges) => ranges.length === count), "equally many for each process");
      const order: number[] = [];
      for (let pass = 0; pass < count; pass++) {
        for (const ranges of ranks) {
          const { first, count, borrowed } = ranges[pass];
          assert.ok(count > 0);
          if (!borrowed) { for (let row = first; row < first + count; row++) order.push(row); }
        }
      }
      assert.deepEqual(order, [...Array(rows).keys()], `${rows} rows, ${passes} passes, ${size} processes`);
    }
    assert.deepEqual(cutRows(1, { rank: 0, size: 2 }), [{ first: 0, count: 1, borrowed: true }]);
  });

  it("bring their own pixels, words and padding", () => {
    const batch = batchOf(5);
    const [, part] = cutBatch(batch, cutRows(5, { passes: 2 }));
    assert.deepEqual(part.lengths, [...(batch.lengths as number[])].slice(2));
    assert.equal(part.columns, Math.max(...Array.from(part.lengths)));
    assert.equal(part.captions[part.columns], batch.captions[3 * batch.columns]);
    assert.deepEqual(part.pixels, batch.pixels.subarray(2 * 768));
    const held = cutRows(5, { rank: 1, size: 2 });
    const [own] = cutBatch({ ...batch, pixels: batch.pixels.slice(2 * 768), held }, held);
    assert.deepEqual(own, part);
    assert.throws(
      () => cutBatch({ ...batch, pixels: batch.pixels.slice(2 * 768), held }, cutRows(5, {})),
      /rows 0 to 4 of a batch: their pictures are absent/,
    );
  });
});

describe("the loss of the parts of a batch", () => {
  for (const decoder of ["attend", "show_tell"] as const) {
    it(`adds up to the loss of the whole, with its gradient and dropout: ${decoder}`, async () => {
      for (const backend of [new CpuBackend(), ...backends]) {
        const tolerance = backend.precision === "f64" ? 1e-12 : 2e-6;
        const model = modelWithFrozenNorm(backend, decoder);
        const parameters = model.parameters.trained.map(({ tensor }) => tensor);
        const batch = batchOf(7);
        const run = async (passes: number) => {
          const sums: Float64Array[] = [];
          for (const part of cutBatch(batch, cutRows(7, { passes }))) {
            const { value, grads } = valueAndGrad(parameters, () => {
              const options = { training: true, alphaC: 0.7, dropoutSeed: 11, whole: part.whole };
              const { loss, crossEntropy } = model.loss(uploadBatch(backend, part), options);
              return { loss, crossEntropy };
            });
            for (const [i, tensor] of [value.loss, value.crossEntropy, ...grads].entries()) {
              const numbers = await tensor.read();
              sums[i] = Float64Array.from(numbers, (x, j) => x + (sums[i]?.[j] ?? 0));
            }
            for (const tensor of [value.loss, value.crossEntropy, ...grads]) tensor.dispose();
          }
          return sums;
        };
        const [whole, parts] = [await run(1), await run(3)];
        parts.forEach((sum, i) => {
          const what = i < 2 ? ["loss", "cross entropy"][i] : `gradient of ${parameters[i - 2].label}`;
          compare(sum, whole[i], { what: `${what} on ${backend.description}`, tolerance });
        });
        model.dispose();
      }
    });
  }
});

describe("a step in several passes", () => {
  it("gives the losses of one pass, in less memory", async () => {
    const run = async (accumulate: number) => {
      const [backend] = backends;
      const model = modelWithFrozenNorm(backend, "attend");
      const trainer = new Trainer(model, RECIPE, { accumulate });
      for (let step = 0; step < RECIPE.steps; step++) trainer.step(batchOf(9, step));
      const readings = await trainer.readings();
      trainer.dispose();
      model.dispose();
      return readings.flatMap(({ loss, crossEntropy, gradNorm }) => [loss, crossEntropy, gradNorm]);
    };
    const [one, four] = [await run(1), await run(4)];
    compare(four, one, { what: "losses and norms in four passes", tolerance: 5e-6 });
  });

  it("frees each pass's activations before the next", () => {
    const backend = new CpuBackend();
    const peak = (passes: number) => {
      const model = modelWithFrozenNorm(backend, "attend");
      const trainer = new Trainer(model, RECIPE, { accumulate: passes });
      const before = backend.memory().bytes;
      const highest = scope(() => {
        trainer.step(batchOf(8));
        return backend.memory().peakBytes - before;
      });
      trainer.dispose();
      model.dispose();
      return highest;
    };
    const inFour = peak(4);
    const inOne = peak(1);
    assert.ok(inFour < 0.5 * inOne, `${inFour} bytes in four passes, ${inOne} in one`);
  });
});

describe("batch norm over several processes", () => {
  /** Two processes with the same rows: what they add up to is twice what one has. */
  const twins = { counts: true, sum: (data: Float64Array) => void data.forEach((x, i) => data[i] = 2 * x) };

  it("gives values, gradients and running statistics of one process with all rows", async () => {
    for (const backend of [new CpuBackend(), backends[0]]) {
      const [rows, C] = [6, 3];
      const numbers = (count: number, seed: number) =>
        Array.from({ length: count }, (_, i) => 3 + uniformAt(seed, i));
      const make = (values: readonly number[], shape: readonly number[]) =>
        tensor(backend, values, { shape });
      const half = numbers(rows * C, 1);
      const run = async (values: readonly number[], joint?: JointStatistics) => {
        const x = make(values, [values.length / C, C]);
        const norm = {
          weight: make(numbers(C, 2), [C]),
          bias: make(numbers(C, 3), [C]),
          runningMean: make(numbers(C, 4), [C]),
          runningVar: make(numbers(C, 5), [C]),
        };
        const { value, grads } = valueAndGrad([x, norm.weight, norm.bias], () => {
          const y = withJointStatistics(
            joint,
            () => batchNorm(x, norm, { training: true, activation: "relu" }),
          );
          return { loss: sum(mul(square(y), y)), y };
        });
        const tensors = [value.y, ...grads, norm.runningMean, norm.runningVar];
        const read = await Promise.all(tensors.map((each) => each.read()));
        for (const used of [x, value.loss, value.y, ...grads, ...Object.values(norm)]) used.dispose();
        return read.map((each) => Array.from(each));
      };
      const [y, dX, dWeight, dBias, ...running] = await run([...half, ...half]);
      const joint = await run(half, twins);
      const want = [
        y.slice(0, rows * C),
        dX.slice(0, rows * C),
        dWeight.map((d) => d / 2), // its own share of the sum
        dBias.map((d) => d / 2),
        ...running,
      ];
      const tolerance = backend.precision === "f64" ? 1e-10 : 1e-5;
      want.forEach((numbers, i) =>
        compare(joint[i], numbers, { what: `number ${i} on ${backend.description}`, tolerance })
      );
    }
  });

  it("gives nothing back to rows that do not count, and takes nothing of them", async () => {
    const backend = new CpuBackend();
    const other = [8, 12, 20, 40, 4]; // Σ x, Σ x², rows of another process: means 2 and 3, variances 1
    const joint = {
      counts: false,
      sum: (data: Float64Array) => void data.forEach((x, i) => data[i] = x + (other[i] ?? 0)),
    };
    const x = tensor(backend, [5, 6, 7, 9], { shape: [2, 2] });
    const make = (value: number) => tensor(backend, [value, value], { shape: [2] });
    const norm = { weight: make(1), bias: make(0), runningMean: make(0), runningVar: make(0) };
    const { value, grads } = valueAndGrad([x], () => {
      const y = withJointStatistics(joint, () => batchNorm(x, norm, { training: true, momentum: 1 }));
      return { loss: scale(sum(square(y)), 0) };
    });
    assert.deepEqual([...await norm.runningMean.read()], [2, 3]);
    assert.deepEqual([...await grads[0].read()].map(Math.abs), [0, 0, 0, 0]);
    for (const used of [x, value.loss, ...grads, ...Object.values(norm)]) used.dispose();
  });

  it("refuses a GPU", () => {
    for (const backend of backends.filter(({ name }) => name !== "cpu")) {
      assert.throws(
        () => new Team(ALONE, backend, { syncBatchNorm: true }),
        /use --device cpu or leave out --sync-bn/,
      );
    }
  });
});

describe("a team", () => {
  it("adds up gradients in one message, and tells all that one wants to stop", async () => {
    for (const backend of backends) {
      const group: Communicator = { ...ALONE, sum: (data) => void data.forEach((x, i) => data[i] = 3 * x) };
      const team = new Team(group, backend);
      const step = {
        grads: [tensor(backend, [1, 2, 3], { shape: [3] }), tensor(backend, [4], { shape: [1] })],
        loss: tensor(backend, [5], { shape: [] }),
        crossEntropy: tensor(backend, [6], { shape: [] }),
      };
      await team.sum(step);
      const read = () => Promise.all([...step.grads, step.loss, step.crossEntropy].map((x) => x.read()));
      assert.deepEqual((await read()).map((x) => [...x]), [[3, 6, 9], [12], [15], [18]]);
      assert.equal(team.stopping, false);
      assert.equal(team.messageBytes, 4 * 8);
      team.wantsStop = true;
      await team.sum({ ...step, grads: step.grads.slice(1) });
      assert.deepEqual((await read()).map((x) => [...x]), [[3, 6, 9], [36], [45], [54]]);
      assert.deepEqual([team.stopping, team.saving], [true, false]);
      for (const used of [...step.grads, step.loss, step.crossEntropy]) used.dispose();
      team.dispose();
    }
  });
});
