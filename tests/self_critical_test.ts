/** Self-critical training: its reward, and what it does to a model. */
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import type { Backend } from "../lib/backend/backend.ts";
import { openCpu } from "../lib/backend/cpu.ts";
import { RewardWorker } from "../lib/deno/reward_pool.ts";
import { BatchLoader, type BatchSource } from "../lib/data/batches.ts";
import { parseSafetensors, serialiseSafetensors } from "../lib/data/safetensors.ts";
import { TokenTable } from "../lib/data/token_table.ts";
import { DEFAULT_PREPROCESSING } from "../lib/image/preprocess.ts";
import { CaptionModel } from "../lib/models/caption_model.ts";
import type { ModelInfo } from "../lib/models/model_file.ts";
import { hash32 } from "../lib/random.ts";
import { Tensor } from "../lib/tensor.ts";
import { cider } from "../lib/text/cider.ts";
import { corpusFrequencies } from "../lib/text/document_frequencies.ts";
import { encodeCaptions } from "../lib/text/encode_captions.ts";
import { Vocabulary } from "../lib/text/vocabulary.ts";
import { CaptionReward, rewardSignature } from "../lib/train/caption_reward.ts";
import { checkpointToFile, resumeFrom } from "../lib/train/checkpoint.ts";
import { rewardHere, type RewardSource } from "../lib/train/reward_source.ts";
import { baselinesOf, SelfCritical, type SelfCriticalOptions } from "../lib/train/self_critical.ts";
import { type Reading, Trainer } from "../lib/train/trainer.ts";

const { words: WORDS } = new Vocabulary(["a", "red", "blue", "ring", "square", "big", "small", "near"]);
const SIDE = 16;
const PICTURES = 12;

/** Pictures of one colour each, whose captions say the colour's words. */
function pictures(): BatchSource {
  const captions = Array.from({ length: PICTURES }, (_, i) => {
    const [size, colour, shape] = [9 + i % 2, 5 + (i >> 1) % 2, 7 + (i >> 2) % 2];
    return [[1, 4, size, colour, shape, 2], [1, 4, colour, shape, 2]];
  });
  const flat = captions.flat();
  const starts = flat.reduce((all, caption) => [...all, all.at(-1)! + caption.length], [0]);
  const bytes = SIDE * SIDE * 3;
  return {
    imageIds: captions.map((_, i) => i),
    tokens: new TokenTable(
      Uint32Array.from(flat.flat()),
      Uint32Array.from(starts),
      Uint32Array.from({ length: PICTURES + 1 }, (_, i) => 2 * i),
    ),
    size: SIDE,
    pixels(images, out = new Uint8Array(images.length * bytes)) {
      for (let i = 0; i < out.length; i++) {
        const image = images[Math.floor(i / bytes)];
        out[i] = ((image >> (i % 3)) % 2) * 180 + hash32(3, image, i) % 20;
      }
      return out;
    },
  };
}

describe("the reward", () => {
  const { tokens } = pictures();
  const spell = (caption: ArrayLike<number>) => Array.from(caption, (id) => WORDS[id]);
  /** All captions of all pictures in words, the end token among them. */
  const corpus = new Map(
    Array.from({ length: PICTURES }, (_, i) => [
      i,
      [0, 1].map((j) => spell(tokens.caption(2 * i + j).subarray(1))),
    ]),
  );

  it("is the CIDEr-D of the words, the end token a word, with the whole corpus' frequencies", () => {
    const images = [3, 3, 7, 0];
    const captions = [[4, 9, 5, 7, 2], [4, 4, 4, 4, 4], [4, 6, 8, 2], [2]];
    const got = new CaptionReward(tokens, WORDS).score(images, captions);
    const everything = encodeCaptions(corpus, new Map([...corpus.keys()].map((id) => [id, []])));
    const frequencies = corpusFrequencies(everything);
    captions.forEach((caption, n) => {
      const one = encodeCaptions(corpus, new Map([[images[n], spell(caption)]]));
      assert.ok(Math.abs(got[n] - cider(one, frequencies).score) < 1e-12, `caption ${n}: ${got[n]}`);
    });
    assert.ok(got[2] > 1 && got[1] < 0.1, `${got}`);
  });

  it("is less for a caption that breaks off", () => {
    const [whole, cut] = new CaptionReward(tokens, WORDS).score([0, 0], [[4, 9, 5, 7, 2], [4, 9, 5, 7]]);
    assert.ok(cut < whole, `${cut}, ${whole}`);
  });

  it("says how it was computed", () => {
    assert.equal(
      rewardSignature({ baseline: "samples", samples: 5 }),
      "STANDARD_wInit+Cider-D[n4,s6.0]+average[nspi5]+1.0.0",
    );
    assert.match(rewardSignature({ baseline: "greedy", samples: 1 }), /\+greedy\[nspi1\]\+/);
  });

  it("is compared with the picture's other samples, or with its greedy caption", () => {
    const samples = Float64Array.of(1, 2, 6, 0, 0, 3);
    assert.deepEqual([...baselinesOf(samples, { captions: 6, samples: 3 })], [4, 3.5, 1.5, 1.5, 1.5, 0]);
    const greedy = Float64Array.of(...samples, 5, 7);
    assert.deepEqual([...baselinesOf(greedy, { captions: 6, samples: 3 })], [5, 5, 5, 7, 7, 7]);
  });
});

describe("self-critical training", () => {
  const config = {
    encoder: "tiny",
    channels: [4, 6, 8, 10],
    decoder: "attend",
    embedding: 8,
    hidden: 12,
    attention: 6,
    dropout: 0,
    preprocessing: { ...DEFAULT_PREPROCESSING, size: SIDE },
  } as const;
  const recipe = { schedule: "constant", warmup: 0, clipNorm: 5, alphaC: 0, steps: 100, seed: 5 } as const;
  const info: ModelInfo = {
    config,
    words: WORDS.slice(4),
    wordSource: "ptb",
    recipe,
    step: 0,
    scores: {},
    dataHash: "0123",
  };
  const source = pictures();
  let backend: Backend;
  let trained: Uint8Array;

  beforeAll(async () => {
    backend = await openCpu({ threads: 2 });
    const model = new CaptionModel(backend, config, { words: WORDS.length, seed: 7 });
    const trainer = new Trainer(model, { ...recipe, learningRate: 1e-2 }, { capacity: 100 });
    for (const batch of new BatchLoader(source, { batchSize: 6, seed: 1 }).from()) {
      trainer.step(batch);
      if (trainer.steps === 40) break;
    }
    trainer.dispose();
    const fresh = new Trainer(model, { ...recipe, learningRate: 0 }); // no moments of the other loss
    trained = await bytesOf(fresh, 0);
    fresh.dispose();
    model.dispose();
  });
  afterAll(() => backend.close());

  async function bytesOf(trainer: Trainer, step: number): Promise<Uint8Array> {
    const file = await checkpointToFile(trainer, { ...info, step }, { step, best: null });
    return new Uint8Array(
      await new Blob(serialiseSafetensors(file).map((part) => part.slice())).arrayBuffer(),
    );
  }

  /** Self-critical steps from a checkpoint on. */
  async function train(
    from: Uint8Array,
    to: number,
    options: Partial<SelfCriticalOptions> = {},
    reward: RewardSource = rewardHere(new CaptionReward(source.tokens, WORDS)),
  ): Promise<{ readings: Reading[]; bytes: Uint8Array }> {
    const model = new CaptionModel(backend, config, { words: WORDS.length, seed: null });
    const trainer = new Trainer(model, { ...recipe, learningRate: 5e-3 });
    await resumeFrom(trainer, parseSafetensors(from, "checkpoint"), { expected: info, name: "checkpoint" });
    const learner = new SelfCritical(trainer, reward, {
      samples: 4,
      baseline: "samples",
      seed: 3,
      maxLength: 8,
      words: WORDS,
      ...options,
    });
    const loader = new BatchLoader(source, { batchSize: 6, seed: 2, captions: "first" });
    const [epoch, step] = [Math.floor(trainer.steps / 2), trainer.steps % 2];
    try {
      for (const batch of loader.from({ epoch, step })) {
        await learner.step(batch);
        if (learner.steps === to) break;
      }
      return { readings: await learner.readings(), bytes: await bytesOf(trainer, to) };
    } finally {
      trainer.dispose();
      model.dispose();
    }
  }

  const rewardOf = (readings: Reading[]) =>
    readings.reduce((sum, { extra }) => sum + extra!.reward, 0) / readings.length;

  for (const baseline of ["samples", "greedy"] as const) {
    it(`raises the reward of what the model draws, against ${baseline}`, async () => {
      const { readings } = await train(trained, 60, { baseline });
      const [before, after] = [rewardOf(readings.slice(0, 8)), rewardOf(readings.slice(-8))];
      assert.ok(after > 1.15 * before, `reward ${before} before, ${after} after`);
    });
  }

  it("gives the same run for the same seed, resumed or not, and another for another", async () => {
    const { live } = Tensor;
    const whole = await train(trained, 6);
    const half = await train(trained, 3);
    const resumed = await train(half.bytes, 6);
    const numbers = ({ readings }: { readings: Reading[] }) =>
      readings.map(({ step, loss, gradNorm, extra }) => [step, loss, gradNorm, extra!.reward]);
    assert.deepEqual([...numbers(half), ...numbers(resumed)], numbers(whole));
    assert.deepEqual(resumed.bytes, whole.bytes);
    const other = await train(trained, 1, { seed: 4 });
    assert.notEqual(numbers(other)[0][3], numbers(whole)[0][3]);
    assert.equal(Tensor.live, live, "tensors alive after the runs");
  });

  it("gives the same run with the reward computed in a worker, and goes on meanwhile", async () => {
    const here = await train(trained, 4);
    const worker = new RewardWorker(source.tokens, WORDS);
    const held: number[] = []; // what the device holds when a reward is asked for, and when it is there
    const there = await train(trained, 4, {}, {
      async score(images, captions) {
        held.push(backend.memory().bytes);
        const rewarded = await worker.score(images, captions);
        held.push(backend.memory().bytes);
        return rewarded;
      },
    });
    worker.close();
    assert.deepEqual(there.bytes, here.bytes);
    assert.ok(held[1] > held[0], `the forward pass has run meanwhile: ${held}`);
    assert.ok(there.readings.every(({ extra }) => extra!.rewardMs > 0), JSON.stringify(there.readings));
  });

  it("leaves nothing behind when the reward fails", async () => {
    const before = [Tensor.live, backend.memory().bytes];
    const failing: RewardSource = { score: () => Promise.reject(new Error("the reward is out of order")) };
    await assert.rejects(train(trained, 1, {}, failing), { message: "the reward is out of order" });
    assert.deepEqual([Tensor.live, backend.memory().bytes], before);
  });

  it("refuses a baseline of other samples where there is one", async () => {
    await assert.rejects(train(trained, 1, { samples: 1 }), {
      message: 'Cannot train on 1 samples of each picture: the baseline "samples" needs at least 2',
    });
  });
});
