/** Training as a whole: what a run leaves behind, goes on from, and stops at. */
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import type { Backend } from "../lib/backend/backend.ts";
import { openCpu } from "../lib/backend/cpu.ts";
import { type Batch, BatchLoader } from "../lib/data/batches.ts";
import { parseSafetensors, serialiseSafetensors } from "../lib/data/safetensors.ts";
import { CaptionModel } from "../lib/models/caption_model.ts";
import { modelFromFile, type ModelInfo, modelToFile } from "../lib/models/model_file.ts";
import { sha256 } from "../lib/data/sha256.ts";
import { Tensor } from "../lib/tensor.ts";
import { checkpointToFile, resumeFrom } from "../lib/train/checkpoint.ts";
import { type RunHooks, runTraining } from "../lib/train/run.ts";
import { learningRateAt } from "../lib/train/schedule.ts";
import { type Reading, type Recipe, Trainer } from "../lib/train/trainer.ts";
import { backends } from "./devices.ts";
import { CONFIG, randomPictures, WORDS } from "./small_model.ts";

const RECIPE = {
  learningRate: 1e-2,
  schedule: "cosine",
  warmup: 3,
  steps: 24,
  clipNorm: 5,
  alphaC: 1,
  seed: 5,
} as const;
const INFO: ModelInfo = {
  config: CONFIG,
  words: Array.from({ length: WORDS - 4 }, (_, i) => `word${i}`),
  wordSource: "ptb",
  recipe: RECIPE,
  step: 0,
  scores: {},
  dataHash: "0123",
};

const QUIET: RunHooks = {
  log: () => Promise.resolve(),
  validate: () => Promise.resolve(),
  checkpoint: () => Promise.resolve(),
  pause: () => Promise.resolve(false),
};

const EVERY = { steps: RECIPE.steps, logEvery: 4, validateEvery: 1000, checkpointDue: () => false };

function loader(): BatchLoader {
  return new BatchLoader(randomPictures(), { batchSize: 4, seed: RECIPE.seed });
}

describe("a training run", () => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await openCpu({ threads: 2 });
  });
  afterAll(() => backend.close());

  /** Trains from a checkpoint's bytes, or from the start, and returns losses, rates and the new checkpoint. */
  async function train(stopAt: number, from?: Uint8Array, recipe: Recipe = RECIPE) {
    const model = new CaptionModel(backend, CONFIG, { words: WORDS, seed: 7 });
    const trainer = new Trainer(model, recipe);
    const expected = { ...INFO, recipe: { ...recipe } };
    if (from) await resumeFrom(trainer, parseSafetensors(from, "c"), { expected, name: "c" });
    const losses: number[] = [];
    const rates: number[] = [];
    let bytes = new Uint8Array();
    await runTraining(trainer, loader(), {
      ...EVERY,
      validateEvery: 4,
      hooks: {
        ...QUIET,
        log(readings) {
          losses.push(...readings.map(({ loss }) => loss));
          rates.push(...readings.map(({ learningRate }) => learningRate));
          return Promise.resolve();
        },
        validate: (step) => Promise.resolve(trainer.observe(-step)), // worse and worse, for a plateau to see
        pause: () => Promise.resolve(trainer.steps === stopAt),
        checkpoint: async (step) => {
          const file = await checkpointToFile(trainer, { ...expected, step }, { step, best: null });
          bytes = await new Blob(serialiseSafetensors(file).map((part) => part.slice())).bytes();
        },
      },
    });
    trainer.dispose();
    model.dispose();
    return { losses, rates, bytes };
  }

  const recipes: Record<string, Recipe> = {
    "Adam and a cosine": RECIPE,
    "momentum, a plateau and averages": {
      ...{ ...RECIPE, optimiser: "sgd", momentum: 0.9, learningRate: 0.1 },
      ...{ schedule: "plateau", decay: 0.5, patience: 2, average: 0.9, weightDecay: 0.01 },
    },
  };
  for (const [name, recipe] of Object.entries(recipes)) {
    it(`with ${name}, resumed twice, gives the losses and the bytes of one that was not interrupted`, async () => {
      const whole = await train(RECIPE.steps, undefined, recipe);
      const first = await train(7, undefined, recipe);
      const second = await train(13, first.bytes, recipe);
      const third = await train(RECIPE.steps, second.bytes, recipe);
      assert.equal(whole.losses.length, RECIPE.steps);
      assert.equal(new Set(whole.rates).size > 3, true, "the rate must have changed");
      assert.deepEqual([...first.rates, ...second.rates, ...third.rates], whole.rates);
      assert.deepEqual([...first.losses, ...second.losses, ...third.losses], whole.losses);
      assert.deepEqual(third.bytes, whole.bytes);
    });
  }

  it("learns captions by heart", async () => {
    const steps = 200;
    const model = new CaptionModel(backend, { ...CONFIG, hidden: 48, embedding: 24, dropout: 0 }, {
      words: WORDS,
      seed: 7,
    });
    const trainer = new Trainer(model, { ...RECIPE, steps, alphaC: 0 });
    let last: readonly Reading[] = [];
    await runTraining(trainer, loader(), {
      ...EVERY,
      steps,
      hooks: { ...QUIET, log: (readings) => Promise.resolve(void (last = readings)) },
    });
    trainer.dispose();
    model.dispose();
    assert.ok(last.at(-1)!.crossEntropy < 0.5, `${last.at(-1)!.crossEntropy} nats per word, chance is 2.2`);
  });

  it("gives the same losses on one thread as on two", async () => {
    const two = await train(6);
    const other = backend;
    backend = await openCpu({ threads: 1 });
    const one = await train(6);
    backend.close();
    backend = other;
    assert.deepEqual(one.losses, two.losses);
  });

  it("refuses a checkpoint of other data, words or recipe and names both sides, hashes where there are some", async () => {
    const { bytes } = await train(2);
    const trainer = new Trainer(new CaptionModel(backend, CONFIG, { words: WORDS }), RECIPE);
    const before = await trainer.model.parameters.all[0].tensor.read();
    const refuses = async (expected: ModelInfo, message: RegExp) => {
      await assert.rejects(
        resumeFrom(trainer, parseSafetensors(bytes, "c"), { expected, name: "c" }),
        message,
      );
    };
    await refuses({ ...INFO, dataHash: "9" }, /trained with the data 0123, this run has 9;/);
    const hashes = await Promise.all(
      [INFO.words, INFO.words.toReversed()].map((words) => sha256(words.join("\n"))),
    );
    await refuses(
      { ...INFO, words: INFO.words.toReversed() },
      new RegExp(`with the vocabulary ${hashes[0]} \\(8 words\\), this run has ${hashes[1]} \\(8 words\\);`),
    );
    await refuses({ ...INFO, recipe: { ...RECIPE, learningRate: 1 } }, /learningRate 0\.01, this run has 1/);
    await refuses(
      { ...INFO, recipe: { ...RECIPE, average: 0.9 } },
      /with average nothing, this run has 0\.9;/,
    );
    const { clipNorm, ...unclipped } = RECIPE; // what is off is left out of a recipe
    await refuses(
      { ...INFO, recipe: unclipped },
      new RegExp(`with clipNorm ${clipNorm}, this run has nothing;`),
    );
    const onFeatures = (features: string) => ({ ...INFO, recipe: { ...RECIPE, features } });
    await refuses(onFeatures("f16"), /with features "exact", this run has "f16";/); // who names none had pixels
    assert.deepEqual(await trainer.model.parameters.all[0].tensor.read(), before, "nothing was loaded");
    await resumeFrom(trainer, parseSafetensors(bytes, "c"), { expected: onFeatures("exact"), name: "c" });
    trainer.dispose();
    trainer.model.dispose();
  });

  it("skips updates whose loss is not finite, and stops after three in a row with the image ids", async () => {
    const model = new CaptionModel(backend, { ...CONFIG, dropout: 0 }, { words: WORDS, seed: 7 });
    const trainer = new Trainer(model, RECIPE);
    const weight = model.parameters.all.find(({ name }) => name === "decoder.fc.weight")!.tensor;
    const bias = model.parameters.all.find(({ name }) => name === "decoder.fc.bias")!.tensor;
    const before = await weight.read();
    backend.write(bias.storage, new Float32Array(WORDS).fill(NaN));
    let logged: readonly Reading[] = [];
    const run = runTraining(trainer, loader(), {
      ...EVERY,
      hooks: { ...QUIET, log: (readings) => Promise.resolve(void (logged = readings)) },
    });
    await assert.rejects(
      run,
      /not finite in 3 steps in a row .* at step 3 the loss was NaN, its images \d+, \d+;/,
    );
    assert.deepEqual(await weight.read(), before, "the weights must not have moved");
    assert.deepEqual(logged.map(({ loss }) => loss), [NaN, NaN, NaN, NaN]);
    trainer.dispose();
    model.dispose();
  });
});

describe("memory of a training run", () => {
  for (const backend of backends) {
    it(`is the same after step 2 and step 40 on ${backend.name}`, async () => {
      const model = new CaptionModel(backend, CONFIG, { words: WORDS, seed: 7 });
      const trainer = new Trainer(model, RECIPE);
      const batches: Batch[] = [...loader().epoch(0)];
      const measure = async (until: number) => {
        while (trainer.steps < until) {
          trainer.step(batches[trainer.steps % batches.length]);
          await trainer.readings();
        }
        const { storages, bytes } = backend.memory();
        return { live: Tensor.live, storages, bytes };
      };
      const early = await measure(2);
      assert.deepEqual(await measure(40), early);
      trainer.dispose();
      model.dispose();
    });
  }
});

describe("a model file", () => {
  const backend = backends[0];

  it("gives back the model: the same captions' scores from the same pixels", async () => {
    const model = new CaptionModel(backend, CONFIG, { words: WORDS, seed: 3 });
    const file = await modelToFile(model, INFO);
    const bytes = new Uint8Array(
      await new Blob(serialiseSafetensors(file).map((part) => part.slice())).arrayBuffer(),
    );
    const loaded = modelFromFile(backend, parseSafetensors(bytes, "m"), "m");
    for (const [i, { tensor }] of model.parameters.all.entries()) {
      assert.deepEqual(await loaded.model.parameters.all[i].tensor.read(), await tensor.read());
    }
    assert.deepEqual(loaded.info, { format: 1, ...INFO });
    loaded.model.dispose();
    model.dispose();
  });

  it("is refused with the reason when it is cut off, of another version, or does not fit", async () => {
    const model = new CaptionModel(backend, CONFIG, { words: WORDS, seed: 3 });
    const file = await modelToFile(model, INFO);
    model.dispose();
    const bytes = new Uint8Array(
      await new Blob(serialiseSafetensors(file).map((part) => part.slice())).arrayBuffer(),
    );
    assert.throws(() => parseSafetensors(bytes.subarray(0, 5), "m"), /Cannot read m: it has 5 bytes/);
    assert.throws(
      () => parseSafetensors(bytes.subarray(0, bytes.length - 1), "m"),
      /it is cut off: "encoder/,
    );
    assert.throws(
      () => parseSafetensors(new TextEncoder().encode("<html>not a model</html>"), "m"),
      /not a safetensors/,
    );
    const load = (change: Partial<typeof file>) => () => modelFromFile(backend, { ...file, ...change }, "m");
    assert.throws(load({ metadata: {} }), /not a Showtell model/);
    assert.throws(
      load({ metadata: { showtell: JSON.stringify({ ...INFO, format: 2 }) } }),
      /its format is 2/,
    );
    const tensors = new Map(file.tensors);
    tensors.delete("decoder.fc.bias");
    tensors.set("decoder.fc.weight", { dtype: "F32", shape: [2, 2], data: new Float32Array(4) });
    const live = Tensor.live;
    assert.throws(load({ tensors }), (error: Error) =>
      /decoder.fc.bias is missing/.test(error.message) &&
      /decoder.fc.weight is \[2, 2\], should be \[12, 9\]/.test(error.message));
    assert.equal(Tensor.live, live, "a refused model leaves nothing behind");
  });
});

describe("the learning rate", () => {
  it("rises in the warm-up and falls along a cosine to 0", () => {
    const schedule = { learningRate: 1, schedule: "cosine", warmup: 4, steps: 12 } as const;
    const rates = [0, 3, 4, 8, 12].map((step) => learningRateAt(step, schedule));
    assert.deepEqual(rates.map((rate) => Number(rate.toFixed(12))), [0.25, 1, 1, 0.5, 0]);
    assert.equal(learningRateAt(100, { ...schedule, schedule: "constant" }), 1);
  });
});
