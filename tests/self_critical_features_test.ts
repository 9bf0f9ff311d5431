/** Self-critical training under a frozen encoder: it sees a picture once a step, or not at all where there are features. */
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { BatchLoader, type BatchSequence, type WordBatch } from "../lib/data/batches.ts";
import { FeatureLoader } from "../lib/data/feature_batches.ts";
import type { FeatureType } from "../lib/data/feature_origin.ts";
import { featureOrigin, openFeatures, prepareFeatures } from "../lib/deno/features.ts";
import type { HostPictures } from "../lib/models/device_batch.ts";
import { encoderHash } from "../lib/models/encoder_hash.ts";
import { Tensor } from "../lib/tensor.ts";
import { CaptionReward } from "../lib/train/caption_reward.ts";
import { rewardHere, type RewardSource } from "../lib/train/reward_source.ts";
import { SelfCritical } from "../lib/train/self_critical.ts";
import { type Recipe, Trainer } from "../lib/train/trainer.ts";
import { task, tasks, TINY, writeCoco } from "./commands.ts";
import { backends } from "./devices.ts";
import { FILES, makeModel, PIXELS, split } from "./feature_pictures.ts";
import { WORDS } from "./small_model.ts";

const STEPS = 6;
const BATCH = 4;
const WORD_LIST = Array.from({ length: WORDS }, (_, id) => `word${id}`);

describe("self-critical training under a frozen encoder", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await Deno.makeTempDir();
  });
  afterAll(() => Deno.remove(folder, { recursive: true }));

  const RECIPE = {
    learningRate: 1e-2,
    schedule: "constant",
    warmup: 0,
    steps: STEPS,
    clipNorm: 0,
    alphaC: 0,
    seed: 5,
  } as const;
  const reward = () => rewardHere(new CaptionReward(split().tokens, WORD_LIST));

  /** A few steps from pixels or features: what they report, and how often the encoder ran. */
  const run = async (
    type: FeatureType | "pixels",
    { on = backends[0], baseline = "samples", steps = STEPS, rewards = reward(), ...recipe }:
      & Partial<Recipe>
      & Partial<{ on: typeof backends[0]; baseline: "samples" | "greedy"; rewards: RewardSource }> = {},
  ) => {
    const model = makeModel(on);
    const trainer = new Trainer(model, { ...RECIPE, fineTune: "none", ...recipe });
    const options = { samples: 3, baseline, seed: 3, maxLength: 8, words: WORD_LIST };
    const learner = new SelfCritical(trainer, rewards, options);
    const pixels = new BatchLoader(split(), { batchSize: BATCH, seed: 9, captions: "first" });
    using opened = new DisposableStack();
    opened.defer(() => (trainer.dispose(), model.dispose()));
    let loader: BatchSequence<WordBatch & HostPictures> = pixels;
    if (type !== "pixels") {
      const origin = await featureOrigin(model, type);
      const dir = `${folder}/${on.name}-${type}`;
      await prepareFeatures(dir, FILES, { model, origin, pixels: PIXELS, batch: BATCH });
      const features = opened.use(await openFeatures(dir, { memoryBytes: 0 })); // read ahead by a worker
      loader = new FeatureLoader(pixels, features.source(FILES));
    }
    let seen = 0;
    const { encode } = model;
    model.encode = (...args) => (seen++, encode.apply(model, args));
    const before = await encoderHash(model.parameters);
    const batches = loader.from({ epoch: 0, step: 0 });
    while (learner.steps < steps) await learner.step((await batches.next()).value);
    const readings = (await learner.readings()).map(({ step, loss, crossEntropy, gradNorm, extra }) => {
      const { reward, greedyReward } = extra!;
      return { step, loss, crossEntropy, gradNorm, reward, greedyReward };
    });
    assert.equal(await encoderHash(model.parameters), before, "the encoder stays as it is");
    return { seen, readings };
  };

  for (const baseline of ["samples", "greedy"] as const) {
    it(`takes the same steps from f32 features as from pixels, to the last bit, against ${baseline}`, async () => {
      const pixels = await run("pixels", { baseline });
      const features = await run("f32", { baseline });
      assert.deepEqual(features.readings, pixels.readings);
      assert.deepEqual([pixels.seen, features.seen], [STEPS, 0], "passes of the encoder");
      assert.ok(pixels.readings.some(({ reward }) => reward > 0), JSON.stringify(pixels.readings));
    });
  }

  it("takes them on a GPU as well", { ignore: backends.length < 2 }, async () => {
    const [on, steps] = [backends.at(-1)!, 3];
    const [pixels, features] = [await run("pixels", { on, steps }), await run("f32", { on, steps })];
    assert.deepEqual(features.readings, pixels.readings);
    assert.deepEqual([pixels.seen, features.seen], [steps, 0]);
  });

  it("learns what it would with a second look for the gradient", async () => {
    const once = await run("pixels");
    const twice = await run("pixels", { fineTune: "all", encoderLearningRate: 0 }); // trained, but does not move
    assert.equal(twice.seen, 2 * STEPS);
    const decoder = ({ readings }: typeof once) => readings.map(({ gradNorm: _, ...reading }) => reading);
    assert.deepEqual(decoder(once), decoder(twice));
    assert.ok(twice.readings.every(({ gradNorm }, i) => gradNorm > once.readings[i].gradNorm));
  });

  it("differs from f16 features by no more than their rounding", async () => {
    const [pixels, half] = [await run("pixels", { steps: 1 }), await run("f16", { steps: 1 })];
    const [{ crossEntropy: want }] = pixels.readings;
    const off = Math.abs(half.readings[0].crossEntropy - want);
    assert.ok(off > 0 && off < 1e-3 * want, `${off} of ${want}`);
  });

  it("leaves nothing behind, when the reward fails either", async () => {
    const [on] = backends;
    await run("f32", { steps: 1 });
    const before = [Tensor.live, on.memory().bytes];
    await run("pixels", { steps: 2 });
    const failing: RewardSource = { score: () => Promise.reject(new Error("the reward is out of order")) };
    for (const type of ["pixels", "f32"] as const) {
      await assert.rejects(run(type, { rewards: failing }), { message: "the reward is out of order" });
    }
    assert.deepEqual([Tensor.live, on.memory().bytes], before);
  });
});

describe("self-critical with features on disk", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await Deno.makeTempDir();
    await writeCoco(folder);
    for (const [out, seed] of [["b", "2"], ["a", "1"]]) {
      const { code, stderr } = await task("train", ...TINY, ...data(out), "--steps", "4", "--seed", seed);
      assert.equal(code, 0, stderr);
    }
  });
  afterAll(() => Deno.remove(folder, { recursive: true }));

  const data = (out: string) =>
    ["--annotations", `${folder}/captions.json`, "--images", `${folder}/photos`, "--data", `${folder}/data`]
      .concat("--out", `${folder}/${out}`, "--blas", "off"); // a system's BLAS may round otherwise in another batch
  const critical = (out: string, ...more: string[]) =>
    [...data(out), "--steps", "3", "--batch", "4", "--samples", "2", "--max-length", "6", "--device", "cpu"]
      .concat("--val-share", "0.2", ...more);
  const from = (name: string) => ["--from", `${folder}/${name}/model.safetensors`];
  const FOUND = /^features 4 × 256 f32 of 12 pictures, from memory: /m;

  it("reads those that fit and no others, and takes the same steps", async () => {
    const frozen = [...from("a"), "--fine-tune", "none"];
    const [none, trained] = await tasks([
      ["self-critical", ...critical("none", ...frozen)],
      ["self-critical", ...critical("trained", ...from("a"), "--features", "on")],
    ]);
    assert.equal(none.code, 0, none.stderr);
    assert.doesNotMatch(none.stderr, /^features/m);
    assert.equal(trained.code, 2, trained.stderr);
    assert.match(trained.stderr, /Cannot train on features: the encoder is trained .* --fine-tune none/);
    const asked = ["--features", "on", "--features-type", "f32"];
    const made = await task("self-critical", ...critical("made", ...frozen, ...asked));
    assert.match(made.stderr, FOUND);
    const [found, off, other, resumed] = await tasks([
      ["self-critical", ...critical("found", ...frozen)],
      ["self-critical", ...critical("off", ...frozen, "--features", "off")],
      ["self-critical", ...critical("other", ...from("b"), "--fine-tune", "none")],
      [
        "self-critical",
        ...critical("none", "--resume", "--fine-tune", "none", "--features", "on")
          .concat("--features-type", "f16"),
      ],
    ]);
    assert.match(found.stderr, FOUND);
    for (const { code, stderr } of [off, other]) {
      assert.equal(code, 0, stderr);
      assert.doesNotMatch(stderr, /^features/m); // those of another encoder are not its own
    }
    assert.match(resumed.stderr, /it was trained with features "exact", this run has "f16"/);
    const bytesOf = (out: string) => Deno.readFileSync(`${folder}/${out}/checkpoint.safetensors`);
    for (const out of ["made", "found", "off"]) assert.deepEqual(bytesOf(out), bytesOf("none"), out);
  });
});
