// This module runs in Deno only.
/** Captions drawn at random: how often, of which words, and again for the same seed. */
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { sampleKernel } from "../kernels/sample.ts";
import type { Backend } from "../lib/backend/backend.ts";
import { beamSearch } from "../lib/models/beam_search.ts";
import type { Caption } from "../lib/models/beam_history.ts";
import type { CaptionModel } from "../lib/models/caption_model.ts";
import { sampleCaptions, type SampleOptions } from "../lib/models/sample.ts";
import { slice } from "../lib/ops/mod.ts";
import { Random } from "../lib/random.ts";
import { scope } from "../lib/scope.ts";
import { Tensor, tensor } from "../lib/tensor.ts";
import { END, PAD, START, UNK } from "../lib/text/vocabulary.ts";
import { backends, lacksAdapter } from "./devices.ts";
import { makeFeatures, makeModel, near } from "./search_models.ts";

/** Runs the sampling kernel on rows of the same logits: how often each word is drawn. */
async function drawn(
  backend: Backend,
  logits: number[],
  { N = 2048, topK = 0, topP = 1, banned = [] as number[] },
) {
  const V = logits.length;
  const words = scope(() => {
    const u32 = (data: ArrayLike<number>) => tensor(backend, data, { type: "u32" });
    const buffers = {
      logits: tensor(backend, Float32Array.from({ length: N * V }, (_, i) => logits[i % V])).storage,
      banned: u32(logits.map((_, v) => Number(banned.includes(v)))).storage,
      tokens: u32(new Uint32Array(N)).storage,
      ended: u32(new Uint32Array(N)).storage,
      history_scores: tensor(backend, new Float32Array(N)).storage,
    };
    const words = u32(new Uint32Array(N));
    const params = { N, V, t: 0, samples: N, first_image: 0, seed: 3, top_k: topK, top_p: topP, end: V };
    backend.run(sampleKernel, { ...buffers, history_words: words.storage }, params);
    return words;
  });
  const counts = new Array<number>(V).fill(0);
  for (const word of await words.read()) counts[word]++;
  words.dispose();
  return counts.map((count) => count / N);
}

for (const backend of backends) {
  describe(`sampling on ${backend.name}`, () => {
    const logits = [0.5, 0.1, 0.25, 0.15].map(Math.log);
    let model: CaptionModel;
    let features: Tensor;
    beforeAll(() => {
      model = makeModel(backend, { seed: 11 });
      features = makeFeatures(backend);
    });
    afterAll(() => {
      features.dispose();
      model.dispose();
    });
    const sample = (options: Partial<SampleOptions> = {}, of = features) =>
      sampleCaptions(model.decoder, of, { samples: 3, seed: 7, maxLength: 12, ...options });

    it("draws words as often as they are likely", async () => {
      near(await drawn(backend, logits, {}), [0.5, 0.1, 0.25, 0.15], 0.035); // 3 sigma of 2048 draws are 0.033
      near(await drawn(backend, logits, { banned: [0] }), [0, 0.2, 0.5, 0.3], 0.035);
      const [likely, ...rest] = logits;
      near(await drawn(backend, [likely + 500, ...rest], { banned: [0] }), [0, 0.2, 0.5, 0.3], 0.035);
    });

    it("draws of the top k, and of the words that hold top p of the mass, only", async () => {
      near(await drawn(backend, logits, { topK: 2 }), [2 / 3, 0, 1 / 3, 0], 0.035);
      near(await drawn(backend, logits, { topP: 0.7 }), [2 / 3, 0, 1 / 3, 0], 0.035);
      near(await drawn(backend, logits, { topP: 0.8 }), [0.5 / 0.9, 0, 0.25 / 0.9, 0.15 / 0.9], 0.035);
      near(await drawn(backend, logits, { topK: 3, topP: 0.6 }), [2 / 3, 0, 1 / 3, 0], 0.035);
      near(await drawn(backend, logits, { topK: 9, topP: 0.01, banned: [0] }), [0, 0, 1, 0], 0);
    });

    it("cuts many words where sorting would", async () => {
      const random = new Random(2);
      const many = Array.from({ length: 301 }, () => 3 * random.normal());
      const order = many.map((_, v) => v).sort((a, b) => many[b] - many[a]);
      const share = await drawn(backend, many, { topK: 40, N: 1024 });
      const least = Math.min(...order.slice(0, 5).map((v) => share[v]));
      assert.ok(least > 0 && order.slice(40).every((v) => share[v] === 0));
      const mass = many.map(Math.exp);
      const all = mass.reduce((sum, p) => sum + p, 0);
      let sum = 0;
      const size = 1 + order.findIndex((v) => (sum += mass[v] / all) >= 0.9);
      const nucleus = await drawn(backend, many, { topP: 0.9, N: 1024 });
      assert.ok(order.slice(size).every((v) => nucleus[v] === 0), `${size} words hold 0.9`);
      assert.ok(order.slice(Math.floor(size / 2), size).some((v) => nucleus[v] > 0));
    });

    it("is repeated by the seed, and the same whatever the batch", async () => {
      const [first, again, other] = [await sample(), await sample(), await sample({ seed: 8 })];
      const ids = (lists: Caption[][]) => lists.map((list) => list.map(({ ids }) => ids));
      assert.deepEqual(ids(again), ids(first));
      assert.notDeepEqual(ids(other), ids(first));
      assert.ok(new Set(first[0].map(({ ids }) => ids.join())).size > 1, "samples differ");
      const one = scope(() => slice(features, { axis: 0, start: 2, length: 1 }));
      assert.deepEqual(ids(await sample({ firstImage: 2 }, one))[0], ids(first)[2]);
      one.dispose();
    });

    it("is greedy with one word to draw from, with the beam's log-probabilities", async () => {
      const greedy = await beamSearch(model.decoder, features, { beam: 1, maxLength: 12 });
      for (const options of [{ topK: 1 }, { topP: 1e-6 }, { topK: 1, temperature: 2 }]) {
        const captions = await sample({ samples: 2, ...options });
        captions.forEach((list, b) =>
          list.forEach((caption) => {
            assert.deepEqual(caption.ids, greedy[b][0].ids);
            assert.equal(caption.finished, greedy[b][0].finished);
            const { logProbabilities } = greedy[b][0];
            if (!("temperature" in options)) near([...caption.logProbabilities], [...logProbabilities], 1e-4);
            else assert.ok(caption.score < greedy[b][0].score - 1, "less sure");
          })
        );
      }
    });

    it("keeps to banned words and lengths, and tells where each word looked", async () => {
      const captions = (await sample({ banned: [PAD, START, UNK, 9], minWords: 3, attention: true })).flat();
      for (const { ids, alphas, finished } of captions) {
        assert.ok(!ids.some((id) => [PAD, START, UNK, 9].includes(id)));
        assert.ok(ids.length >= 4 && ids.length <= 12);
        assert.equal(ids.indexOf(END), finished ? ids.length - 1 : -1);
        assert.equal(alphas.length, ids.length);
        alphas.forEach((alpha) => near([alpha.reduce((sum, weight) => sum + weight, 0)], [1], 1e-5));
      }
      assert.ok(
        (await sample({ samples: 40 })).flat().some(({ ids }) => ids.includes(9)),
        "9 is likely otherwise",
      );
      assert.ok(
        (await sample({ samples: 40 })).flat().some(({ ids }) => ids.length < 4),
        "some are short otherwise",
      );
    });

    it("refuses what it cannot do and leaves nothing behind", async () => {
      const before = [Tensor.live, backend.memory().storages];
      await sample({ attention: true });
      await assert.rejects(sample({ samples: 0 }), /samples 0: it must be a whole number of at least 1/);
      await assert.rejects(sample({ topP: 0 }), /topP 0: it must be above 0 and at most 1/);
      await assert.rejects(sample({ temperature: 0 }), /temperature 0: it must be a number above 0/);
      assert.deepEqual([Tensor.live, backend.memory().storages], before);
    });
  });
}

describe("sampling on several devices", { ignore: lacksAdapter }, () => {
  it("draws the same captions for the same seed", async () => {
    const drawn = await Promise.all(backends.map(async (backend) => {
      const model = makeModel(backend, { seed: 11 });
      const features = makeFeatures(backend);
      const options = { samples: 3, seed: 7, maxLength: 12, topK: 9, topP: 0.9 };
      const captions = await sampleCaptions(model.decoder, features, options);
      features.dispose();
      model.dispose();
      return captions.map((list) => list.map(({ ids }) => ids));
    }));
    assert.ok(drawn.length > 1);
    for (const ids of drawn) assert.deepEqual(ids, drawn[0]);
  });
});
