/** What a trainer can do beside plain steps: scheduled sampling, averages, loss scale, groups, changed pictures. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { valueAndGrad } from "../lib/autograd.ts";
import { CpuBackend } from "../lib/backend/cpu.ts";
import { changePicture, resized } from "../lib/data/augmented.ts";
import { BatchLoader } from "../lib/data/batches.ts";
import { CaptionModel } from "../lib/models/caption_model.ts";
import type { Decoder } from "../lib/models/decoder.ts";
import { sampledInputs } from "../lib/models/sampled_inputs.ts";
import { LossScale } from "../lib/optim/loss_scale.ts";
import { MovingAverage } from "../lib/optim/moving_average.ts";
import { GradientNorm } from "../lib/optim/optimiser.ts";
import { Sgd } from "../lib/optim/sgd.ts";
import { scope } from "../lib/scope.ts";
import { Tensor, tensor } from "../lib/tensor.ts";
import type { Recipe } from "../lib/train/recipe.ts";
import { Trainer } from "../lib/train/trainer.ts";
import { backends } from "./devices.ts";
import { CONFIG as SMALL, randomPictures, WORDS } from "./small_model.ts";

const CONFIG = { ...SMALL, dropout: 0 };
const RECIPE: Recipe = {
  learningRate: 1e-2,
  schedule: "constant",
  warmup: 0,
  steps: 100,
  clipNorm: 5,
  alphaC: 1,
  seed: 5,
};
const exact = new CpuBackend();

const batch = new BatchLoader(randomPictures(), { batchSize: 10, seed: 1 }).batch({ epoch: 0, step: 0 });

async function steps(trainer: Trainer, count: number) {
  for (let i = 0; i < count; i++) await trainer.step(batch);
  return await trainer.readings();
}

const valuesOf = async (model: CaptionModel) =>
  new Map(
    await Promise.all(
      model.parameters.all.map(async ({ name, tensor }) => [name, await tensor.read()] as const),
    ),
  );

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

describe("moving averages", () => {
  it("follow the decay, and are there while validating and saving alone", async () => {
    const x = tensor(exact, [1, 2]);
    const average = new MovingAverage([x], 0.9);
    const want = [1, 2];
    for (let step = 1; step <= 12; step++) {
      exact.write(x.storage, [step, -step]);
      average.update(step);
      const decay = Math.min(0.9, (1 + step) / (10 + step));
      [step, -step].forEach((value, i) => want[i] = decay * want[i] + (1 - decay) * value);
    }
    const got = await average.averages[0].read();
    want.forEach((value, i) => assert.ok(Math.abs(got[i] - value) < 1e-12));
    assert.throws(() => new MovingAverage([x], 1), /decay 1: it must lie between 0 and 1/);

    const model = new CaptionModel(exact, CONFIG, { words: WORDS, seed: 7 });
    const trainer = new Trainer(model, { ...RECIPE, average: 0.5 });
    const name = "decoder.fc.weight";
    const start = (await valuesOf(model)).get(name)!.slice();
    await steps(trainer, 1);
    const before = await valuesOf(model);
    const moved = before.get(name)!;
    const saved = trainer.tensors.find((each) => each.name === `average.${name}`)!;
    const averages = await saved.tensor.read();
    const inside = await trainer.withAverages(() => valuesOf(model));
    assert.deepEqual(inside.get(name), averages);
    const share = 2 / 11; // of the start after the first step, (1 + 1) / (10 + 1)
    start.forEach((value, i) => {
      const want = share * value + (1 - share) * moved[i];
      assert.ok(Math.abs(averages[i] - want) < 1e-12, `${averages[i]}, not ${want}`);
      assert.notEqual(value, moved[i]);
    });
    assert.deepEqual(await valuesOf(model), before, "training goes on with the weights");
  });
});

describe("the loss scale", () => {
  for (const backend of [exact, ...backends]) {
    it(`halves and skips on overflow, doubles after good steps, changes no step on ${backend.description}`, async () => {
      const p = tensor(backend, [1, 2]);
      const scale = new LossScale(backend, { start: 8, interval: 3 });
      const norm = new GradientNorm(backend, 1, scale.state);
      const sgd = new Sgd([p]);
      const take = async (gradient: number) => {
        const grads = [tensor(backend, [3 * gradient, 4 * gradient])];
        const measured = norm.measure(grads, 100);
        sgd.apply(grads, { learningRate: 0.5, factor: measured.factor });
        scale.update(measured.factor);
        return [await measured.norm.item(), ...await p.read(), ...await scale.state.read()];
      };
      assert.deepEqual(await take(8), [5, -0.5, 0, 8, 1, 0]); // the true gradient is [3, 4]
      const overflow = await take(Infinity);
      assert.ok(!Number.isFinite(overflow[0]));
      assert.deepEqual(
        overflow.slice(1),
        [-0.5, 0, 4, 0, 1],
        "nothing moves, the scale is halved, one is counted",
      );
      assert.deepEqual((await take(NaN)).slice(1), [-0.5, 0, 2, 0, 2]);
      assert.deepEqual((await take(0.4)).slice(3), [2, 1, 2]);
      assert.deepEqual((await take(0.4)).slice(3), [2, 2, 2]);
      assert.deepEqual((await take(0.4)).slice(3), [4, 0, 2], "three good steps in a row");
    });
  }

  it("of a run with f16 activations is refused where there are none", () => {
    assert.throws(
      () => new CaptionModel(exact, CONFIG, { words: WORDS, activations: "f16" }),
      /Cannot use f16 on .*use --precision f32/,
    );
  });

  it("leaves a run's losses and norms as they are, and reports itself", async () => {
    const run = async (precision: "f32" | "f16") => {
      const model = new CaptionModel(exact, CONFIG, { words: WORDS, seed: 7 }); // activations stay whole: the logic alone
      return await steps(new Trainer(model, { ...RECIPE, precision }), 3);
    };
    const [plain, scaled] = [await run("f32"), await run("f16")];
    for (const [i, { loss, crossEntropy, gradNorm, extra }] of scaled.entries()) {
      const want = plain[i];
      for (
        const [got, right] of [[loss, want.loss], [crossEntropy, want.crossEntropy], [
          gradNorm,
          want.gradNorm,
        ]]
      ) {
        assert.ok(Math.abs(got - right) <= 1e-12 * right, `${got}, not ${right}`);
      }
      assert.deepEqual(extra, { lossScale: 65_536, skipped: 0 });
    }
  });
});

describe("parameter groups", () => {
  /** Names of parameters that a number of steps changes. */
  async function changed(recipe: Partial<Recipe>, count: number): Promise<Set<string>> {
    const model = new CaptionModel(exact, CONFIG, { words: WORDS, seed: 7 });
    const before = await valuesOf(model);
    await steps(new Trainer(model, { ...RECIPE, ...recipe }), count);
    const after = await valuesOf(model);
    const isSame = (name: string) => before.get(name)!.every((value, i) => value === after.get(name)![i]);
    return new Set([...before.keys()].filter((name) => !isSame(name)).map((name) => name.split(".")[1]));
  }
  const blocks = (names: Set<string>) => [...names].filter((name) => name.startsWith("block")).sort();

  it("freeze what they are told, running statistics included", async () => {
    assert.deepEqual(blocks(await changed({ fineTune: "none" }, 1)), []);
    assert.deepEqual(blocks(await changed({ fineTune: "block3" }, 1)), ["block3", "block4"]);
    assert.deepEqual(blocks(await changed({ fineTune: "3" }, 1)), ["block2", "block3", "block4"]);
    assert.deepEqual(blocks(await changed({}, 1)), ["block1", "block2", "block3", "block4"]);
    assert.ok((await changed({ fineTune: "none" }, 1)).has("lstm"));
    const wrong = changed({ fineTune: "layer2" }, 1);
    await assert.rejects(
      wrong,
      /fine-tune from "layer2": the encoder's blocks are block1, block2, block3, block4;/,
    );
  });

  it("begin later, with an optimiser of their own age", async () => {
    const late = { fineTune: "2", fineTuneFrom: 2 };
    assert.deepEqual(blocks(await changed(late, 2)), []);
    assert.deepEqual(blocks(await changed(late, 3)), ["block3", "block4"]);
    // Adam's first step is the learning rate long in each number, whatever the gradient: if the age is right.
    const model = new CaptionModel(exact, CONFIG, { words: WORDS, seed: 7 });
    const trainer = new Trainer(model, { ...RECIPE, ...late, encoderLearningRate: 1e-3 });
    await steps(trainer, 2);
    const before = await valuesOf(model);
    await steps(trainer, 1);
    const after = await valuesOf(model);
    const name = "encoder.block4.bn.weight";
    const moved = [...before.get(name)!].map((value, i) => Math.abs(after.get(name)![i] - value));
    for (const distance of moved) {
      assert.ok(Math.abs(distance - 1e-3) < 1e-6, `${distance}, not the rate 0.001`);
    }
    // A resumed run's optimiser is as old as the group, not as the run.
    const resumed = new Trainer(new CaptionModel(exact, CONFIG, { words: WORDS, seed: 7 }), {
      ...RECIPE,
      ...late,
    });
    resumed.steps = 2;
    const first = await valuesOf(resumed.model);
    await steps(resumed, 1);
    const second = await valuesOf(resumed.model);
    const distances = [...first.get(name)!].map((value, i) => Math.abs(second.get(name)![i] - value));
    for (const distance of distances) {
      assert.ok(Math.abs(distance - 1e-2) < 1e-5, `${distance}, not the rate 0.01`);
    }
  });
});

describe("changed pictures", () => {
  const changes = { size: 16, flip: true, colour: 0.2, seed: 9 };

  it("are cut from larger ones, by caption and epoch alone", () => {
    const source = randomPictures(20);
    const loader = (batchSize: number) => new BatchLoader(source, { batchSize, seed: 1, changes });
    const byImage = (batchSize: number, epoch: number) => {
      const found = new Map<number, string>();
      for (const { imageIds, pixels } of loader(batchSize).epoch(epoch)) {
        const bytes = 16 * 16 * 3;
        assert.equal(pixels.length, imageIds.length * bytes);
        imageIds.forEach((id, i) => found.set(id, pixels.slice(i * bytes, (i + 1) * bytes).join()));
      }
      return found;
    };
    assert.deepEqual(byImage(4, 0), byImage(10, 0), "whatever batch they are in");
    const [first, second] = [byImage(4, 0), byImage(4, 1)];
    assert.ok([...first].every(([id, pixels]) => second.get(id) !== pixels), "other in each epoch");
    const part = new BatchLoader(source, {
      batchSize: 10,
      seed: 1,
      changes,
      share: { passes: 1, rank: 1, size: 2 },
    });
    const whole = loader(10).batch({ epoch: 0, step: 0 });
    const own = part.batch({ epoch: 0, step: 0 });
    const [{ first: row }] = own.held!;
    assert.deepEqual(
      own.pixels,
      whole.pixels.slice(row * 16 * 16 * 3, row * 16 * 16 * 3 + own.pixels.length),
    );
  });

  it("are parts of the picture, mirrored or not", () => {
    const width = 6;
    const data = Uint8Array.from({ length: width * width * 3 }, (_, i) => i);
    const seen = new Set<string>();
    for (let caption = 0; caption < 200; caption++) {
      const options = { size: 4, flip: true, colour: 0, seed: 1 };
      const part = changePicture({ width, height: width, data }, options, { epoch: 0, caption });
      const [left, right] = [part.data[0], part.data[9]];
      const [corner, mirrored] = left < right ? [left, false] : [right, true];
      assert.equal(Math.abs(left - right), 9, "a row of the part is a row of the picture");
      seen.add(`${corner / 3 % width},${Math.floor(corner / 3 / width)},${mirrored}`);
    }
    assert.equal(seen.size, 3 * 3 * 2, "every place, both ways");
  });

  it("are beside whole ones for validation, brought to the model's size", () => {
    const small = resized(randomPictures(20), 16);
    assert.equal(small.size, 16);
    assert.equal(small.pixels([3, 4]).length, 2 * 16 * 16 * 3);
    assert.equal(resized(small, 16), small);
  });
});
