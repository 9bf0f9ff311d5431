/** Scheduled sampling: what is read in place of the true words, and its gradient. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { valueAndGrad } from "../lib/autograd.ts";
import { CaptionModel } from "../lib/models/caption_model.ts";
import type { Decoder } from "../lib/models/decoder.ts";
import { sampledInputs } from "../lib/models/sampled_inputs.ts";
import { scope } from "../lib/scope.ts";
import { Tensor, tensor } from "../lib/tensor.ts";
import { Trainer } from "../lib/train/trainer.ts";
import { backends } from "./devices.ts";
import { WORDS } from "./small_model.ts";
import { CONFIG, exact, RECIPE, steps } from "./small_training.ts";

describe("scheduled sampling", () => {
  const [T, N] = [6, 200];
  const truth = Uint32Array.from({ length: T * N }, (_, i) => i % 7 === 6 && i >= N ? 0 : 1 + i % 5); // some padding

  for (const backend of [exact, ...backends]) {
    it(`draws the model's own words with the chance given on ${backend.description}`, async () => {
      const model = new CaptionModel(backend, CONFIG, { words: WORDS, seed: 7 });
      // Make the model sure of one word: what is drawn is then known.
      const bias = model.parameters.all.find(({ name }) => name === "decoder.fc.bias")!.tensor;
      backend.write(bias.storage, Float32Array.from({ length: WORDS }, (_, v) => v === 11 ? 50 : 0));
      const draw = async (probability: number, options: { seed?: number; firstRow?: number } = {}) => {
        const { seed = 3, firstRow } = options;
        const mixed = scope(() => {
          const features = tensor(backend, new Float32Array(N * 4 * 10), { shape: [N, 4, 10] });
          const inputs = tensor(backend, truth, { shape: [T, N], type: "u32" });
          const start = model.decoder.begin(features);
          return sampledInputs(model.decoder, start, inputs, { probability, seed, firstRow });
        });
        const ids = [...await mixed.read()];
        mixed.dispose();
        return ids;
      };
      const live = Tensor.live;
      assert.deepEqual(await draw(0), [...truth]);
      const all = await draw(1);
      assert.deepEqual(
        all,
        [...truth].map((id, i) => i < N || id === 0 ? id : 11),
        "the first word and padding stay",
      );
      const some = await draw(0.25);
      const replaced = some.filter((id, i) => id !== truth[i]).length;
      const possible = [...truth].filter((id, i) => i >= N && id !== 0).length;
      const share = replaced / possible;
      assert.ok(Math.abs(share - 0.25) < 0.05, `${share} of ${possible} words are drawn`);
      assert.deepEqual(await draw(0.25), some, "the same seed draws the same");
      assert.notDeepEqual(await draw(0.25, { seed: 4 }), some);
      const shifted = await draw(0.25, { firstRow: 1 });
      const chosen = (ids: number[], t: number, n: number) => ids[t * N + n] === 11;
      for (let n = 1; n < 50; n++) { // row n - 1 of a part that begins with row 1 is the whole's row n
        if (truth[N + n] !== 0 && truth[N + n - 1] !== 0) {
          assert.equal(chosen(shifted, 1, n - 1), chosen(some, 1, n), `row ${n}`);
        }
      }
      assert.equal(Tensor.live, live);
      model.dispose();
    });
  }

  it("leaves nothing behind when the decoder fails on the way", () => {
    const model = new CaptionModel(exact, CONFIG, { words: WORDS, seed: 7 });
    const { decoder } = model;
    let reads = 0;
    const failing: Decoder = {
      ...decoder,
      read(...args) {
        if (++reads === 3) throw new RangeError("no memory");
        return decoder.read(...args);
      },
    };
    const live = Tensor.live;
    for (const tape of [false, true]) {
      reads = 0;
      const run = () => {
        const features = tensor(exact, new Float32Array(2 * 4 * 10), { shape: [2, 4, 10] });
        const inputs = tensor(exact, new Uint32Array(12).fill(1), { shape: [6, 2], type: "u32" });
        return sampledInputs(failing, decoder.begin(features), inputs, { probability: 1, seed: 1 });
      };
      const parameters = model.parameters.trained.map(({ tensor }) => tensor);
      assert.throws(() => tape ? valueAndGrad(parameters, run) : scope(run), { message: "no memory" });
      assert.equal(Tensor.live, live);
    }
    model.dispose();
  });

  it("has the loss and gradients of reading the drawn words as if they were true", async () => {
    const model = new CaptionModel(exact, CONFIG, { words: WORDS, seed: 7 });
    const bias = model.parameters.all.find(({ name }) => name === "decoder.fc.bias")!.tensor;
    exact.write(bias.storage, Float64Array.from({ length: WORDS }, (_, v) => v === 11 ? 50 : 0)); // draws it always
    const parameters = model.parameters.trained.map(({ tensor }) => tensor);
    const features = tensor(exact, Array.from({ length: 2 * 4 * 10 }, (_, i) => Math.sin(i)), {
      shape: [2, 4, 10],
    });
    const ids = (list: number[]) => tensor(exact, list, { shape: [3, 2], type: "u32" });
    const lossOf = (inputs: number[], probability: number) =>
      valueAndGrad(parameters, () => {
        const words = { rows: 2, words: 6, features, inputs: ids(inputs), targets: ids([4, 5, 6, 7, 2, 2]) };
        return model.loss(words, { training: true, sampling: { probability, seed: 1 } }).loss;
      });
    const drawn = lossOf([1, 1, 4, 5, 6, 7], 1);
    const given = lossOf([1, 1, 11, 11, 11, 11], 0);
    assert.equal(await drawn.value.item(), await given.value.item());
    for (const [i, grad] of drawn.grads.entries()) {
      assert.deepEqual(await grad.read(), await given.grads[i].read(), parameters[i].label);
    }
    const scheduledSampling = { every: 1, increase: 1, most: 1 };
    const [first, second] = await steps(new Trainer(model, { ...RECIPE, scheduledSampling }), 2);
    const again = new CaptionModel(exact, CONFIG, { words: WORDS, seed: 7 });
    const copied = again.parameters.all.find(({ name }) => name === "decoder.fc.bias")!.tensor;
    exact.write(copied.storage, Float64Array.from({ length: WORDS }, (_, v) => v === 11 ? 50 : 0));
    const [same, other] = await steps(new Trainer(again, RECIPE), 2);
    assert.equal(first.loss, same.loss, "a trainer's first stretch reads true words");
    assert.notEqual(second.loss, other.loss);
  });
});
