// This module runs in Deno only.
/** The search: batches against single pictures, greedy against beams, what is never said, and what it reads back. */
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import type { NumberArray, Storage } from "../lib/backend/backend.ts";
import { ObservedBackend } from "../lib/bench/observed_backend.ts";
import type { Caption } from "../lib/models/beam_history.ts";
import { type BeamOptions, beamSearch } from "../lib/models/beam_search.ts";
import { CaptionModel } from "../lib/models/caption_model.ts";
import { captionFeatures, captionPixels } from "../lib/models/captioner.ts";
import type { Decoder } from "../lib/models/decoder.ts";
import { outputOf } from "../lib/models/decoder.ts";
import { sampleCaptions } from "../lib/models/sample.ts";
import { logSoftmax, slice } from "../lib/ops/mod.ts";
import { scope } from "../lib/scope.ts";
import { Tensor, tensor } from "../lib/tensor.ts";
import { END, PAD, START, UNK, Vocabulary } from "../lib/text/vocabulary.ts";
import { backends } from "./devices.ts";
import { makeFeatures, makeModel, near, smallConfig, WORDS } from "./search_models.ts";

const IMAGES = 16;

function sayable({ ids }: Caption): boolean {
  return ids.length > 0 && !ids.some((id) => id === PAD || id === START || id === UNK || id >= WORDS);
}

for (const backend of backends) {
  for (const decoder of ["attend", "show_tell"] as const) {
    describe(`beam search with ${decoder} on ${backend.name}`, () => {
      let model: CaptionModel;
      let features: Tensor;
      beforeAll(() => {
        model = makeModel(backend, { seed: 11, decoder });
        features = makeFeatures(backend, { images: IMAGES });
      });
      afterAll(() => {
        features.dispose();
        model.dispose();
      });

      const search = (options: BeamOptions, of = features) =>
        beamSearch(model.decoder, of, { maxLength: 12, ...options });

      it(`captions a batch of ${IMAGES} as it captions each picture alone`, async () => {
        const together = await search({ beam: 3 });
        for (let i = 0; i < IMAGES; i++) {
          const one = scope(() => slice(features, { axis: 0, start: i, length: 1 }));
          const [alone] = await search({ beam: 3 }, one);
          one.dispose();
          assert.deepEqual(alone.map(({ ids }) => ids), together[i].map(({ ids }) => ids));
          alone.forEach(({ score }, k) => assert.ok(Math.abs(score - together[i][k].score) < 1e-4));
        }
      });

      it("takes the likeliest word each time with one beam", async () => {
        const greedy = await greedyWords(model.decoder, features, 12);
        const captions = await search({ beam: 1 });
        captions.forEach((list, b) => {
          assert.equal(list.length, 1);
          const [{ ids, logProbabilities, score }] = list;
          assert.deepEqual(ids, greedy[b].ids);
          near(logProbabilities, greedy[b].logProbabilities, 1e-4);
          near([score], [logProbabilities.reduce((sum, p) => sum + p, 0)], 1e-4);
        });
        assert.ok(captions.flat().every(sayable));
      });

      it("finds a caption at least as likely with more beams, best first", async () => {
        const [greedy, wide] = [await search({ beam: 1 }), await search({ beam: 8 })];
        wide.forEach((list, i) => {
          assert.ok(list.every(sayable));
          assert.deepEqual([...list].sort((a, b) => b.final - a.final), list);
          if (greedy[i][0].finished) assert.ok(list[0].score >= greedy[i][0].score - 1e-4);
        });
      });

      it("never ends without a caption, even where nothing can end", async () => {
        const captions = await search({ beam: 4, maxLength: 5, banned: [PAD, START, UNK, END] });
        for (const [best] of captions) {
          assert.equal(best.finished, false);
          assert.equal(best.ids.length, 5);
        }
      });

      it(`tells where each word looked${decoder === "attend" ? "" : ": nowhere"}`, async () => {
        for (const [{ ids, alphas }] of await search({ beam: 2, attention: true })) {
          assert.equal(alphas.length, decoder === "attend" ? ids.length : 0);
          for (const alpha of alphas) {
            assert.equal(alpha.length, 4);
            assert.ok(Math.abs(alpha.reduce((sum, weight) => sum + weight, 0) - 1) < 1e-5);
          }
        }
      });

      it("leaves nothing behind", async () => {
        const before = [Tensor.live, backend.memory().storages];
        await search({ beam: 3, attention: true });
        await assert.rejects(search({ beam: 0 }), /beam 0: it must be a whole number of at least 1/);
        assert.deepEqual([Tensor.live, backend.memory().storages], before);
      });
    });
  }

  describe(`the search on ${backend.name}`, () => {
    it("captions with an untrained model: never emptily, within the maximum length", async () => {
      const vocabulary = new Vocabulary(Array.from({ length: WORDS - 4 }, (_, i) => `word${i}`));
      const pixels = Uint8Array.from({ length: 2 * 16 * 16 * 3 }, (_, i) => (i * 37) % 256);
      for (const seed of [1, 2]) {
        const model = new CaptionModel(backend, smallConfig("attend"), { words: WORDS, seed });
        for (const beam of [1, 5]) {
          for (const list of await captionPixels({ model, vocabulary }, pixels, { beam, maxLength: 7 })) {
            assert.ok(list.length > 0);
            for (const { text, words } of list) {
              assert.ok(text !== "" && words.length >= 1 && words.length <= 7, text);
            }
          }
        }
        model.dispose();
      }
    });

    it("sets spaces between words, but none where they are written without", async () => {
      for (
        const [letters, between] of [["abcdefghijklmnopqrs", " "], [
          "あいうえおかきくけこさしすせそたちつて",
          "",
        ]]
      ) {
        const model = makeModel(backend, { seed: 11 });
        const writer = { model, vocabulary: new Vocabulary([...letters]) };
        const [[{ text, words }]] = await captionFeatures([writer], [makeFeatures(backend, { images: 1 })], {
          beam: 2,
        });
        assert.ok(words.length > 1);
        assert.equal(text, words.map(({ word }) => word).join(between));
        model.dispose();
      }
    });
  });
}

describe("what the search reads from the device", () => {
  /** The CPU under a GPU's name: what is read is counted. */
  class Remote extends ObservedBackend {
    override readonly name = "remote";
    reads = 0;
    override read(storage: Storage): Promise<NumberArray> {
      this.reads++;
      return super.read(storage);
    }
  }
  const GOES_ON = [PAD, START, UNK, END]; // to the maximum length
  const ENDS = Array.from({ length: WORDS }, (_, id) => id).filter((id) => id !== END); // at once
  const reads = async (
    options: BeamOptions,
    write: (decoder: Decoder, features: Tensor, options: BeamOptions) => Promise<Caption[][]> = beamSearch,
  ) => {
    const { banned = GOES_ON, maxLength = 50 } = options;
    const remote = new Remote(backends[0]);
    const model = makeModel(remote, { seed: 11 });
    const features = makeFeatures(remote);
    remote.reads = 0;
    const captions = await write(model.decoder, features, { beam: 5, ...options, banned });
    assert.ok(captions.every(([{ ids }]) => ids.length === (banned === ENDS ? 1 : maxLength)));
    features.dispose();
    model.dispose();
    return remote.reads;
  };

  it("is whether all have ended, every eighth word, and what was chosen, once", async () => {
    assert.equal(await reads({ maxLength: 7 }), 2);
    assert.equal(await reads({ maxLength: 40 }), 5 + 2);
    assert.equal(await reads({ maxLength: 40, attention: true }), 5 + 3);
    assert.equal(await reads({ maxLength: 40, banned: ENDS, beam: 1 }), 1 + 2, "all have ended");
  });
  it("is the same where captions are drawn", async () => {
    const draw = (decoder: Decoder, features: Tensor, { beam: samples = 1, ...options }: BeamOptions) =>
      sampleCaptions(decoder, features, { ...options, samples, seed: 1 });
    assert.equal(await reads({ maxLength: 7 }, draw), 2);
    assert.equal(await reads({ maxLength: 40 }, draw), 5 + 2);
    assert.equal(await reads({ maxLength: 40, banned: ENDS }, draw), 1 + 2);
  });
  it("is the candidates of each word where rules choose among them", async () => {
    assert.equal(await reads({ maxLength: 10, noRepeatNgram: 9 }), 10 * 2); // their words and their scores
  });
});

/** The words that come when each is the likeliest one, with their log-probabilities, chosen on the host. */
async function greedyWords(decoder: Decoder, features: Tensor, maxLength: number) {
  const [B] = features.shape;
  const captions = Array.from(
    { length: B },
    () => ({ ids: [] as number[], logProbabilities: [] as number[] }),
  );
  let { state, ...begun } = scope(() => decoder.begin(features));
  let last = new Uint32Array(B).fill(START);
  for (let t = 0; t < maxLength; t++) {
    const before = state;
    const { next, logs } = scope(() => {
      const ids = tensor(features.backend, last, { shape: [1, B], type: "u32" });
      const decoded = decoder.read(ids, { memory: begun.memory, state: before });
      const output = outputOf(decoded);
      const logits = decoder.predict(output.view([B, output.shape[2]]));
      return {
        next: { h: decoded.hidden.view([B, decoded.hidden.shape[2]]), c: decoded.cell },
        logs: logSoftmax(logits),
      };
    });
    const values = await logs.read();
    state = next;
    last = Uint32Array.from({ length: B }, (_, b) => {
      const row = values.subarray(b * WORDS, (b + 1) * WORDS);
      const best = Array.from(row.keys()).filter((id) => id !== PAD && id !== START && id !== UNK)
        .reduce((best, id) => row[id] > row[best] ? id : best, END);
      if (captions[b].ids.at(-1) !== END) {
        captions[b].ids.push(best);
        captions[b].logProbabilities.push(row[best]);
      }
      return best;
    });
    for (const tensor of [before.h, before.c, logs]) tensor.dispose();
  }
  for (const tensor of [state.h, state.c, begun.memory.values, begun.memory.att1]) tensor?.dispose();
  return captions;
}
