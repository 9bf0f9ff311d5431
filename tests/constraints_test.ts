// This module runs in Deno only.
/** Rules of the search: repetition, endings, forced and banned words, groups, and the temperature. */
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { type BeamOptions, beamSearch } from "../lib/models/beam_search.ts";
import type { Caption } from "../lib/models/beam_history.ts";
import type { CaptionModel } from "../lib/models/caption_model.ts";
import { BAD_ENDINGS, wordRules } from "../lib/models/word_rules.ts";
import { slice, softmax } from "../lib/ops/mod.ts";
import { scope } from "../lib/scope.ts";
import { Tensor, tensor } from "../lib/tensor.ts";
import { END, PAD, START, UNK, Vocabulary } from "../lib/text/vocabulary.ts";
import { backends } from "./devices.ts";
import { makeFeatures, makeModel, near, WORDS } from "./search_models.ts";

const IMAGES = 4;

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
        free.sort((x, y) => Number(y.finished) - Number(x.finished)); // the rule on what ends by itself, first
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

      it("make them say forced words that may not be the last, where nothing can end", async () => {
        const cannotEnd = [PAD, START, UNK, END];
        for (const [a, b] of [[9, 10], [5, 6], [14, 20], [7, 17]]) {
          const rules = { forced: [a, b], badEndings: [a, b], banned: cannotEnd, maxLength: 4 };
          for (const { ids } of (await search({ beam: 3, ...rules })).flat()) {
            assert.ok(ids.includes(a) && ids.includes(b) && ![a, b].includes(ids.at(-1)!), `${ids}`);
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
        await assert.rejects(
          search({ forced: [5], badEndings: [5], maxLength: 2 }),
          /1 forced words, another behind them \(no caption ends with one of them\) and an end do not fit into 2/,
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
    const all = ["a", "red", "bus", "of", "of"];
    assert.throws(() => wordRules(vocabulary, { ban: all }), /Cannot ban all 4 words of the model: at least/);
    assert.throws(() => wordRules(vocabulary, { ban: ["x", ...all] }), /Cannot ban "x"/);
    assert.equal(wordRules(vocabulary, { ban: all.slice(1) }).banned.length, 7);
    assert.throws(
      () => wordRules(vocabulary, { ban: ["red"], force: ["red"] }),
      /Cannot ban and force "red"/,
    );
  });
});
