/** Training and validation on features: as on pixels, without the encoder. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import type { Backend } from "../lib/backend/backend.ts";
import { BatchLoader, type BatchSequence, type WordBatch } from "../lib/data/batches.ts";
import { FeatureLoader } from "../lib/data/feature_batches.ts";
import type { FeatureType } from "../lib/data/feature_origin.ts";
import { featureOrigin, openFeatures, prepareFeatures } from "../lib/deno/features.ts";
import { captionSplit } from "../lib/models/caption_split.ts";
import type { HostPictures } from "../lib/models/device_batch.ts";
import { encoderHash } from "../lib/models/encoder_hash.ts";
import { Vocabulary } from "../lib/text/vocabulary.ts";
import { type Recipe, Trainer } from "../lib/train/trainer.ts";
import { validationLoss } from "../lib/train/validate.ts";
import { backends } from "./devices.ts";
import { FILES, makeModel, PIXELS, split } from "./feature_pictures.ts";
import { WORDS } from "./small_model.ts";

describe("features in training", () => {
  const [backend] = backends;
  let folder = "";
  beforeEach(async () => {
    folder = await Deno.makeTempDir();
  });
  afterEach(() => Deno.remove(folder, { recursive: true }));

  const RECIPE = {
    learningRate: 1e-2,
    schedule: "constant",
    warmup: 0,
    steps: 12,
    clipNorm: 5,
    alphaC: 1,
    seed: 5,
  } as const;
  /** Losses of twelve steps, read from pixels or from features; fine-tuned from a step on, or not at all. */
  const losses = async (
    type: FeatureType | "pixels",
    { on = backend, steps = RECIPE.steps, ...recipe }: Partial<Recipe> & { readonly on?: Backend } = {},
  ) => {
    const model = makeModel(on);
    const trainer = new Trainer(model, { ...RECIPE, fineTune: "none", ...recipe });
    const pixels = new BatchLoader(split(), { batchSize: 4, seed: 9 });
    using opened = new DisposableStack();
    let loader: BatchSequence<WordBatch & HostPictures> = pixels;
    if (type !== "pixels") {
      const origin = await featureOrigin(model, type);
      await prepareFeatures(folder, FILES, { model, origin, pixels: PIXELS });
      const features = opened.use(await openFeatures(folder, { memoryBytes: 0 })); // read ahead by a worker
      loader = new FeatureLoader(pixels, features.source(FILES), { until: recipe.fineTuneFrom });
    }
    const batches = loader.from({ epoch: 0, step: 0 });
    const before = await encoderHash(model.parameters);
    while (trainer.steps < steps) trainer.step((await batches.next()).value);
    const values = (await trainer.readings()).map(({ loss }) => loss);
    const moved = await encoderHash(model.parameters) !== before;
    trainer.dispose();
    model.dispose();
    return { values, moved };
  };

  it("give the losses of pixels under a frozen encoder, to the last bit", async () => {
    const pixels = await losses("pixels");
    assert.equal(pixels.moved, false);
    assert.deepEqual(await losses("f32"), pixels);
    assert.ok(pixels.values.at(-1)! < 0.9 * pixels.values[0], `${pixels.values}`);
  });

  it("give way to pixels when the encoder is fine-tuned, with the same losses", async () => {
    const recipe = { fineTune: "all", fineTuneFrom: 7 };
    const pixels = await losses("pixels", recipe);
    assert.equal(pixels.moved, true);
    assert.deepEqual(await losses("f32", recipe), pixels);
  });

  it("reach a GPU as they reach the CPU", { ignore: backends.length < 2 }, async () => {
    const [on, steps] = [backends.at(-1)!, 3];
    const [pixels, features] = [await losses("pixels", { on, steps }), await losses("f32", { on, steps })];
    assert.deepEqual(features, pixels);
  });

  it("differ in f16 by no more than its rounding", async () => {
    const { values } = await losses("pixels");
    const half = await losses("f16");
    const worst = values.reduce((most, loss, i) => Math.max(most, Math.abs(half.values[i] - loss)), 0);
    assert.ok(worst > 0 && worst < 5e-4, `${worst}`); // ten times what was measured
  });

  it("are what a validation reads in place of pixels: the same scores and captions", async () => {
    for (const on of backends) {
      const model = makeModel(on);
      const origin = await featureOrigin(model, "f32");
      const dir = `${folder}/${on.name}`;
      await prepareFeatures(dir, FILES, { model, origin, pixels: PIXELS });
      using opened = await openFeatures(dir, { memoryBytes: 0 });
      const features = opened.source(FILES);
      const seeing = split();
      const blind = { ...seeing, pixels: () => assert.fail("a picture was asked for") };
      const options = { batchSize: 4 };
      const want = await validationLoss(model, seeing, options);
      assert.equal(await validationLoss(model, blind, { ...options, features }), want);
      const words = Array.from({ length: WORDS - 4 }, (_, i) => `word${i}`);
      const writer = { model, vocabulary: new Vocabulary(words) };
      const search = { batchSize: 5, beam: 2, maxLength: 6 };
      const captions = await captionSplit(writer, seeing, search);
      assert.deepEqual(await captionSplit(writer, blind, { ...search, features }), captions);
      model.dispose();
    }
  });
});
