// This module runs in Deno only.
/** Sampling, constraints, groups, ensembles and temperature: what the search does beside the plain beam. */
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { beamCandidatesKernel, LOWEST_SCORE } from "../kernels/beam.ts";
import { sampleKernel } from "../kernels/sample.ts";
import { CAPTION_ABOUT, CAPTION_OPTIONS } from "../lib/deno/caption_options.ts";
import { captionPlan } from "../lib/deno/search_options.ts";
import { parseOptions } from "../lib/deno/cli.ts";
import { TokenTable } from "../lib/data/token_table.ts";
import { calibrate, calibrationError } from "../lib/models/calibrate.ts";
import type { Backend } from "../lib/backend/backend.ts";
import { DEFAULT_PREPROCESSING } from "../lib/image/preprocess.ts";
import { type BeamOptions, beamSearch } from "../lib/models/beam_search.ts";
import type { Caption } from "../lib/models/beam_history.ts";
import { CaptionModel } from "../lib/models/caption_model.ts";
import type { ModelConfig } from "../lib/models/config.ts";
import { ensembleDecoder } from "../lib/models/ensemble.ts";
import { captionPixels } from "../lib/models/captioner.ts";
import { sampleCaptions, type SampleOptions } from "../lib/models/sample.ts";
import { BAD_ENDINGS, wordRules } from "../lib/models/word_rules.ts";
import { slice, softmax } from "../lib/ops/mod.ts";
import { Random } from "../lib/random.ts";
import { scope } from "../lib/scope.ts";
import { Tensor, tensor } from "../lib/tensor.ts";
import { END, PAD, START, UNK, Vocabulary } from "../lib/text/vocabulary.ts";
import { backends } from "./devices.ts";

const WORDS = 23;
const IMAGES = 4;

function config(decoder: ModelConfig["decoder"]): ModelConfig {
  const sizes = { channels: [4, 6, 8, 10], embedding: 7, hidden: 9, attention: 5, dropout: 0 };
  return { encoder: "tiny", decoder, ...sizes, preprocessing: { ...DEFAULT_PREPROCESSING, size: 16 } };
}

/** A model with large weights behind the hidden state: confident, different captions. */
function makeModel(
  backend: Backend,
  { seed, decoder = "attend" }: { seed: number; decoder?: "attend" | "show_tell" },
) {
  const model = new CaptionModel(backend, config(decoder), { words: WORDS, seed });
  const random = new Random(seed + 1);
  const weight = model.parameters.all.find(({ name }) => name === "decoder.fc.weight")!.tensor;
  backend.write(weight.storage, Float32Array.from({ length: weight.length }, () => 2 * random.normal()));
  return model;
}

function makeFeatures(backend: Backend) {
  const random = new Random(4);
  const values = Float32Array.from({ length: IMAGES * 4 * 10 }, () => 2 * random.normal());
  return tensor(backend, values, { shape: [IMAGES, 4, 10], label: "features" });
}

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

const near = (actual: number[], expected: number[], tolerance: number) =>
  actual.forEach((value, i) =>
    assert.ok(
      Math.abs(value - expected[i]) <= tolerance,
      `${actual.map((p) => p.toFixed(3))} for ${expected}`,
    )
  );

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

for (const backend of backends) {
  // A software adapter is slow: one decoder there.
  for (const decoder of backend.name === "cpu" ? ["attend", "show_tell"] as const : ["attend"] as const) {
    describe(`rules of the search with ${decoder} on ${backend.name}`, () => {
      let model: CaptionModel;
      let features: Tensor;
      beforeAll(() => {
        model = makeModel(backend, { seed: 11, decoder });
        features = makeFeatures(backend);
      });
      afterAll(() => {
        features.dispose();
        model.dispose();
      });
      const search = (options: BeamOptions, of = features) =>
        beamSearch(model.decoder, of, { maxLength: 10, minWords: 1, ...options });

      it("that never apply change nothing", async () => {
        for (const beam of [1, 4]) {
          const [free, ruled] = [await search({ beam }), await search({ beam, noRepeatNgram: 20 })];
          assert.deepEqual(
            ruled.map((list) => list.map(({ ids }) => ids)),
            free.map((list) => list.map(({ ids }) => ids)),
          );
          near(ruled.flat().map(({ final }) => final), free.flat().map(({ final }) => final), 1e-4);
        }
      });

      it("keep word sequences from coming twice", async () => {
        const repeats = ({ ids }: Caption, n: number) => {
          const grams = ids.slice(n - 1).map((_, i) => ids.slice(i, i + n).join());
          return new Set(grams).size < grams.length;
        };
        for (const n of [1, 2, 3]) {
          assert.ok(
            (await search({ beam: 4 })).flat().some((caption) => repeats(caption, n)),
            "otherwise they do",
          );
          for (const caption of (await search({ beam: 4, noRepeatNgram: n })).flat()) {
            assert.ok(!repeats(caption, n), caption.ids.join());
          }
        }
      });

      it("keep captions from ending badly, finished or cut", async () => {
        const free = (await search({ beam: 4 })).flat();
        const last = ({ ids, finished }: Caption) => ids.at(finished ? -2 : -1)!;
        const badEndings = [...new Set(free.map(last))].slice(0, 2);
        for (const maxLength of [10, 4]) {
          const captions = (await search({ beam: 4, badEndings, maxLength })).flat();
          assert.ok(captions.every((caption) => !badEndings.includes(last(caption))));
          for (const { logProbabilities, score, ids } of captions) {
            assert.equal(logProbabilities.length, ids.length);
            near([logProbabilities.reduce((sum, p) => sum + p, 0)], [score], 1e-4);
          }
        }
      });

      it("make every caption say the forced words", async () => {
        const free = (await search({ beam: 4 })).flat();
        const rare = Array.from({ length: WORDS }, (_, id) => id)
          .filter((id) => id > UNK && !free.some(({ ids }) => ids.includes(id)));
        for (const forced of [rare.slice(0, 1), [...rare.slice(0, 3), rare[0]]]) {
          for (const [best, ...others] of await search({ beam: 3, forced, attention: true })) {
            for (const { ids, alphas } of [best, ...others]) {
              assert.ok(forced.every((id) => ids.includes(id)), `${ids} says ${forced}`);
              assert.equal(alphas.length, decoder === "attend" ? ids.length : 0);
            }
          }
        }
      });

      it("leave the best of what they allow", async () => {
        // So many beams see every caption of up to three of these ids.
        const banned = Array.from({ length: WORDS }, (_, id) => id).filter((id) =>
          id !== END && (id < 4 || id > 12)
        );
        if (backend.name !== "cpu") return; // the choice is the host's, the same on all
        const all = await search({ beam: 100, maxLength: 3, banned });
        const forced = all[0][7].ids[0];
        const rules = { forced: [forced], noRepeatNgram: 1 };
        const says = (await search({ beam: 50, maxLength: 3, banned, ...rules })).map(([best]) => best.ids);
        all.forEach((list, b) => {
          const allowed = list.find(({ ids }) => ids.includes(forced) && new Set(ids).size === ids.length)!;
          assert.deepEqual(says[b], allowed.ids);
        });
      });

      it("set groups of beams apart, the more the dearer a word said before is", async () => {
        const words = (lists: Caption[][]) =>
          lists.map((list) => new Set(list.flatMap(({ ids }) => ids)).size).reduce(
            (sum, size) => sum + size,
            0,
          );
        const plain = await search({ beam: 6, groups: 1 });
        const [none, far] = [
          await search({ beam: 6, groups: 3, diversity: 0 }),
          await search({ beam: 6, groups: 3, diversity: 1e6 }),
        ];
        assert.ok(words(far) > words(plain) && words(far) > words(none));
        // The first group searches as if it were alone, and groups that pay nothing all search the same.
        const alone = await search({ beam: 2 });
        none.forEach((list, b) => {
          assert.deepEqual(
            list.map(({ ids }) => ids),
            alone[b].map(({ ids }) => ids),
            "and none is told twice",
          );
          const [first] = alone[b]; // where it has not ended, those of other groups that have are told in its place
          assert.ok(
            first.finished !== far[b][0].finished ||
              far[b].some(({ ids }) => ids.join() === first.ids.join()),
          );
        });
        for (const { logProbabilities, score } of far.flat()) {
          near([logProbabilities.reduce((sum, p) => sum + p, 0)], [score], 1e-3); // no penalty in it
        }
      });

      it("write the same for a picture alone as in a batch", async () => {
        const options = { beam: 4, groups: 2, noRepeatNgram: 2, badEndings: [9, 10], forced: [7] };
        const together = await search(options);
        const one = scope(() => slice(features, { axis: 0, start: 2, length: 1 }));
        const [alone] = await search(options, one);
        one.dispose();
        assert.deepEqual(alone.map(({ ids }) => ids), together[2].map(({ ids }) => ids));
      });

      it("that contradict each other are refused, and nothing is left behind", async () => {
        const before = [Tensor.live, backend.memory().storages];
        await search({ beam: 4, groups: 2, forced: [7], attention: true });
        await assert.rejects(search({ beam: 4, groups: 3 }), /4 beams do not split into 3 groups/);
        await assert.rejects(search({ beam: 4, diversity: 1 }), /diversity is given without groups/);
        await assert.rejects(search({ forced: [UNK] }), /the words 3 are forced and banned/);
        await assert.rejects(
          search({ forced: [5, 6], maxLength: 2 }),
          /2 forced words and an end do not fit into 2/,
        );
        await assert.rejects(search({ noRepeatNgram: 1.5 }), /noRepeatNgram is 1.5/);
        assert.deepEqual([Tensor.live, backend.memory().storages], before);
      });

      it("and a temperature flatten every word's probability", async () => {
        const [cold, warm] = [await search({ beam: 1 }), await search({ beam: 1, temperature: 4 })];
        assert.deepEqual(warm.map(([{ ids }]) => ids), cold.map(([{ ids }]) => ids));
        const [{ logProbabilities: [first] }] = warm[0];
        const right = scope(() => {
          const { state, memory } = model.decoder.begin(features);
          const ids = tensor(backend, new Uint32Array(IMAGES).fill(START), {
            shape: [1, IMAGES],
            type: "u32",
          });
          const { hidden } = model.decoder.read(ids, { memory, state });
          return softmax(model.decoder.predict(hidden));
        });
        const probabilities = (await right.read()).subarray(0, WORDS);
        right.dispose();
        const roots = Array.from(probabilities, (p) => p ** (1 / 4));
        near([first], [Math.log(roots[warm[0][0].ids[0]] / roots.reduce((sum, p) => sum + p, 0))], 1e-4);
      });
    });
  }

  describe(`an ensemble on ${backend.name}`, () => {
    let models: CaptionModel[];
    const vocabulary = new Vocabulary(Array.from({ length: WORDS - 4 }, (_, i) => `word${i}`));
    const pixels = Uint8Array.from({ length: 2 * 16 * 16 * 3 }, (_, i) => (i * 37) % 256);
    beforeAll(() => {
      models = [makeModel(backend, { seed: 11 }), makeModel(backend, { seed: 21, decoder: "show_tell" })];
      models.push(makeModel(backend, { seed: 31 }));
    });
    afterAll(() => models.forEach((model) => model.dispose()));
    const caption = (numbers: number[], options = {}) =>
      captionPixels(numbers.map((i) => ({ model: models[i], vocabulary })), pixels, {
        beam: 3,
        maxLength: 8,
        ...options,
      });

    it("of equal models writes what one writes", async () => {
      const [one, two] = [
        await caption([0], { attention: true }),
        await caption([0, 0], { attention: true }),
      ];
      assert.deepEqual(two.map(([best]) => best.text), one.map(([best]) => best.text));
      near(two.map(([{ score }]) => score), one.map(([{ score }]) => score), 1e-3);
      one.forEach(([{ words }], b) =>
        words.forEach(({ alpha }, t) => near([...two[b][0].words[t].alpha!], [...alpha!], 1e-4))
      );
    });

    it("gives each word the mean of the probabilities", async () => {
      const random = new Random(6);
      const features = [0, 1].map((i) =>
        tensor(backend, Float32Array.from({ length: 2 * 4 * 10 }, () => random.normal()), {
          shape: [2, 4, 10],
          label: `${i}`,
        })
      );
      const first = (model: CaptionModel["decoder"], of: Tensor) =>
        scope(() => {
          const { memory, state } = model.begin(of);
          const ids = tensor(backend, new Uint32Array(2).fill(START), { shape: [1, 2], type: "u32" });
          return softmax(model.predict(model.read(ids, { memory, state }).hidden));
        });
      const members = features.map((features, i) => ({ features, decoder: models[i].decoder }));
      const each = members.map(({ decoder, features }) => first(decoder, features));
      const all = first(ensembleDecoder(members), features[0]);
      const [a, b, mean] = await Promise.all([...each, all].map((tensor) => tensor.read()));
      near([...mean], [...a].map((p, i) => (p + b[i]) / 2), 1e-6);
      for (const tensor of [...features, ...each, all]) tensor.dispose();
    });

    it("searches, samples and keeps rules, and leaves nothing behind", async () => {
      const before = [Tensor.live, backend.memory().storages];
      const [mixed] = await caption([0, 1], { attention: true });
      assert.equal(mixed[0].words[0].alpha, undefined, "one of them has no attention");
      assert.equal((await caption([0, 2], { attention: true }))[0][0].words[0].alpha!.length, 4);
      assert.notDeepEqual(await caption([0, 2]), await caption([0]));
      assert.equal((await caption([0, 2], { samples: 2, seed: 1, beam: undefined }))[0].length, 2);
      assert.ok((await caption([0, 1], { forced: [9] }))[0][0].text.includes("word5"));
      assert.deepEqual([Tensor.live, backend.memory().storages], before);
    });

    it("of models that do not fit together is refused", async () => {
      const other = new Vocabulary(
        Array.from({ length: WORDS - 4 }, (_, i) => i === 5 ? "other" : `word${i}`),
      );
      const pair = [{ model: models[0], vocabulary }, { model: models[2], vocabulary: other }];
      await assert.rejects(
        captionPixels(pair, pixels),
        /models 1 and 2 together: word 9 is "word5" and "other"/,
      );
    });
  });
}

describe("rules on words", () => {
  const vocabulary = new Vocabulary(["a", "red", "bus", "of"]);
  it("become ids", () => {
    const { banned, forced, badEndings } = wordRules(vocabulary, {
      ban: ["red"],
      force: ["bus"],
      removeBadEndings: true,
    });
    assert.deepEqual([banned, forced, badEndings], [[PAD, START, UNK, 5], [6], [4, 7]]);
    assert.equal(new Set(BAD_ENDINGS).size, BAD_ENDINGS.length);
    assert.deepEqual(wordRules(vocabulary, {}), { banned: [PAD, START, UNK], forced: [], badEndings: [] });
  });
  it("name the word that the model does not know", () => {
    assert.throws(() => wordRules(vocabulary, { force: ["Bus"] }), /Cannot force "Bus": .* it knows "bus"/);
    assert.throws(() => wordRules(vocabulary, { ban: ["<end>"] }), /Cannot ban "<end>"/);
    assert.throws(
      () => wordRules(vocabulary, { ban: ["red"], force: ["red"] }),
      /Cannot ban and force "red"/,
    );
  });
});

for (const backend of backends) {
  describe(`candidates on ${backend.name}`, () => {
    const candidates = async (V: number, k: number) => {
      const logit = (v: number) => Math.round(Math.sin(v * 7.3) * 2000) / 1000; // with ties
      const { words, scores } = scope(() => {
        const u32 = (data: ArrayLike<number>) => tensor(backend, data, { type: "u32" });
        const words = u32(new Uint32Array(2 * k));
        const scores = tensor(backend, new Float32Array(2 * k));
        backend.run(beamCandidatesKernel, {
          logits: tensor(backend, Float32Array.from({ length: 2 * V }, (_, i) => logit(i % V))).storage,
          scores: tensor(backend, Float32Array.of(-1, LOWEST_SCORE)).storage,
          banned: u32(Array.from({ length: V }, (_, v) => Number(v % 5 === 0))).storage,
          candidate_scores: scores.storage,
          candidate_words: words.storage,
        }, { N: 2, V, k });
        return { words, scores };
      });
      const [found, summed] = await Promise.all([words.read(), scores.read()]);
      words.dispose();
      scores.dispose();
      const order = Array.from({ length: V }, (_, v) => v).filter((v) => v % 5 !== 0)
        .sort((x, y) => Math.fround(logit(y)) - Math.fround(logit(x)) || x - y).slice(0, k);
      const logSum = Math.log(
        Array.from({ length: V }, (_, v) => Math.exp(logit(v))).reduce((sum, p) => sum + p, 0),
      );
      assert.deepEqual([...found.subarray(0, order.length)], order);
      near([...summed.subarray(0, order.length)], order.map((v) => logit(v) - logSum - 1), 1e-4);
      assert.ok(summed.subarray(order.length, k).every((score) => score <= LOWEST_SCORE), "no word twice");
      assert.ok(
        summed.subarray(k).every((score) => score <= LOWEST_SCORE),
        "a beam that is not there goes nowhere",
      );
    };
    it("are the best of a large vocabulary", () => candidates(10_007, 20));
    it("are none where no words are left", () => candidates(23, 40));
  });
}

describe("calibration", () => {
  const [backend] = backends; // made of ops and kernels that are compared elsewhere
  it("measures how far confidence and accuracy are apart, bin by bin", () => {
    const bins = [{ count: 2, sure: 0.4, right: 1 }, { count: 0, sure: 0, right: 0 }, {
      count: 8,
      sure: 7.4,
      right: 5,
    }];
    const { expected, confidence, accuracy } = calibrationError(bins); // (2 · 0.3 + 8 · 0.3) / 10
    near([expected, confidence, accuracy], [0.3, 0.78, 0.6], 1e-12);
  });

  it("fits twice the temperature to a model with twice the logits, and mends it on other pictures", async () => {
    const random = new Random(9);
    const [images, each, columns] = [40, 5, 8];
    const ids = Uint32Array.from(
      { length: images * each * columns },
      (_, i) =>
        i % columns === 0
          ? START
          : i % columns === columns - 1
          ? END
          : random.uniform() < 0.7
          ? 7
          : 4 + random.integer(WORDS - 4),
    );
    const split = {
      imageIds: Array.from({ length: images }, (_, i) => i),
      tokens: new TokenTable(
        ids,
        Uint32Array.from({ length: images * each + 1 }, (_, i) => i * columns),
        Uint32Array.from({ length: images + 1 }, (_, i) => i * each),
      ),
      size: 16,
      pixels: (numbers: ArrayLike<number>, out = new Uint8Array(numbers.length * 768)) => out.fill(9),
    };
    const model = new CaptionModel(backend, config("attend"), { words: WORDS, seed: 3 });
    const [weight, bias] = ["weight", "bias"].map((name) =>
      model.parameters.all.find((parameter) => parameter.name === `decoder.fc.${name}`)!.tensor
    );
    const logits = Float32Array.from(
      { length: WORDS },
      (_, id) => id === 7 ? 2.2 : id > UNK ? -1 : id === END ? 0 : -8,
    );
    const fitted = [];
    for (const factor of [1, 2]) {
      backend.write(weight.storage, new Float32Array(weight.length));
      backend.write(bias.storage, logits.map((logit) => logit * factor));
      fitted.push(await calibrate(model, split));
    }
    const [once, twice] = fitted;
    near([twice.temperature], [2 * once.temperature], 0.02 * once.temperature);
    assert.ok(twice.after.expected < twice.before.expected / 2, JSON.stringify(twice));
    near([twice.after.expected, twice.after.accuracy], [once.after.expected, twice.before.accuracy], 0.01);
    await assert.rejects(calibrate(model, { ...split, imageIds: [1] }), /on 1 pictures: needs at least 2/);
    model.dispose();
  });
});

describe("the flags of the search", () => {
  const vocabulary = new Vocabulary(["a", "red", "bus", "of"]);
  const plan = (flags: string) => {
    const args = flags.split(" ").filter((flag) => flag !== "");
    const options = parseOptions([...args, "picture.jpg"], CAPTION_OPTIONS, CAPTION_ABOUT);
    return captionPlan({ ...options, attention: false }, vocabulary) as unknown as Record<string, unknown>;
  };
  it("say what is searched for", () => {
    const { beam, lengthAlpha, minWords, banned, forced } = plan("");
    assert.deepEqual({ beam, lengthAlpha, minWords, banned, forced }, {
      ...{ beam: 5, lengthAlpha: 0.7, minWords: 1 },
      ...{ banned: [PAD, START, UNK], forced: [] },
    });
    const rules = plan(
      "--beam 6 --groups 3 --diversity 1 --no-repeat-ngram 2 --min-length 3 --ban a --force red,bus",
    );
    assert.deepEqual([rules.groups, rules.diversity, rules.noRepeatNgram, rules.minWords], [3, 1, 2, 3]);
    assert.deepEqual([rules.banned, rules.forced], [[PAD, START, UNK, 4], [5, 6]]);
    assert.deepEqual(plan("--remove-bad-endings").badEndings, [4, 7]);
    const { samples, seed, topK, topP, temperature } = plan(
      "--sample 3 --top-k 4 --top-p 0.5 --seed 9 --temperature 2",
    );
    assert.deepEqual([samples, seed, topK, topP, temperature], [3, 9, 4, 0.5, 2]);
  });
  it("that would do nothing, or contradict each other, are refused", () => {
    for (
      const [flags, message] of [
        ["--top-k 3", /--top-k: it belongs to --sample/],
        ["--seed 0", /--seed: it belongs to --sample/],
        ["--sample 2 --beam 3", /--beam: it belongs to the beam search/],
        ["--sample 2 --force a", /--force: it belongs to the beam search/],
        ["--sample 2 --remove-bad-endings", /--remove-bad-endings: it belongs/],
        ["--diversity 1", /--diversity sets groups apart/],
        ["--groups 2", /--beam 5 is no multiple of --groups 2/],
        ["--min-length 9 --max-length 8", /--min-length 9 is above --max-length 8/],
        ["--ban zebra", /Cannot ban "zebra"/],
      ] as const
    ) assert.throws(() => plan(flags), message);
  });
});
