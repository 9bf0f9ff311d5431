/** The programs that real GPUs get, through the ops: a decoder learns on them as it does on the CPU. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { valueAndGrad } from "../lib/autograd.ts";
import type { Backend } from "../lib/backend/backend.ts";
import { openWebgpu } from "../lib/backend/webgpu.ts";
import { attendDecoder } from "../lib/models/attend.ts";
import { outputOf } from "../lib/models/decoder.ts";
import { Parameters } from "../lib/nn/parameters.ts";
import { crossEntropy } from "../lib/ops/mod.ts";
import { Adam } from "../lib/optim/adam.ts";
import { uniformAt } from "../lib/random.ts";
import { scope } from "../lib/scope.ts";
import { tensor } from "../lib/tensor.ts";
import { backends, lacksAdapter } from "./devices.ts";

const [B, P, T] = [5, 37, 4];
/** No size is a multiple of four or of a tile: rows begin anywhere. */
const SIZES = { channels: 131, hidden: 67, attention: 45, embedding: 33, words: 803 };

/** Losses of three steps. */
async function losses(backend: Backend): Promise<number[]> {
  const parameters = new Parameters(backend, 1);
  const decoder = attendDecoder(parameters, SIZES);
  const adam = new Adam(parameters.trained.map(({ tensor }) => tensor));
  const values = Float32Array.from({ length: B * P * SIZES.channels }, (_, i) => 2 * uniformAt(1, i) - 1);
  const features = tensor(backend, values, { shape: [B, P, SIZES.channels] });
  const ids = (shift: number) =>
    tensor(backend, Uint32Array.from({ length: T * B }, (_, i) => 4 + (i + shift * B) * 31 % 700), {
      shape: [T, B],
      type: "u32",
    });
  const [inputs, targets] = [ids(0), ids(1)];
  const found: number[] = [];
  for (let step = 0; step < 3; step++) {
    const loss = scope(() => {
      const { value, grads } = valueAndGrad(
        adam.parameters,
        () => crossEntropy(decoder.predict(outputOf(decoder.read(inputs, decoder.begin(features)))), targets),
      );
      adam.step(grads, { learningRate: 0.01, clipNorm: 0.5 });
      return value;
    });
    found.push(await loss.item());
    loss.dispose();
  }
  for (const each of [features, inputs, targets, adam, parameters]) each.dispose();
  return found;
}

describe("programs of real GPUs", { ignore: lacksAdapter }, () => {
  it("train a decoder as the CPU does, and take no other program", async () => {
    const gpu = await openWebgpu({ traits: { software: false } });
    const programs = new Set<string>();
    const { run } = gpu;
    gpu.run = (kernel, buffers, params) => {
      programs.add((kernel.choose?.(params, gpu.traits) ?? kernel).name.split(":")[0]);
      run.call(gpu, kernel, buffers, params);
    };
    const [want, got] = [await losses(backends[0]), await losses(gpu)];
    gpu.close();
    assert.ok(want[0] - want[2] > 0.1, `it learns: ${want}`);
    got.forEach((loss, i) =>
      assert.ok(Math.abs(loss - want[i]) < 2e-6 * want[i], `${got}, should be ${want}`)
    );
    const named = ["attention_alpha_backward", "attention_scores", "attention_scores_backward", "column_sum"]
      .concat([
        "cross_entropy",
        "cross_entropy_mean",
        "embedding_backward",
        "softmax_backward",
        "sum_squares",
      ]);
    const missing = [...named.map((name) => `${name}_workgroup`), "matmul_slices", "attention_step"]
      .filter((name) => !programs.has(name));
    assert.deepEqual(missing, []);
    assert.deepEqual(named.filter((name) => programs.has(name)), []);
  });
});
