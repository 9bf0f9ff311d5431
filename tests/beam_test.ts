/** The search: batches against single pictures, greedy against beams, and what is never said. */
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { beamSearch } from "../lib/models/beam_search.ts";
import type { Caption } from "../lib/models/beam_history.ts";
import { CaptionModel } from "../lib/models/caption_model.ts";
import type { ModelConfig } from "../lib/models/config.ts";
import { slice } from "../lib/ops/mod.ts";
import { Random } from "../lib/random.ts";
import { scope } from "../lib/scope.ts";
import { Tensor, tensor } from "../lib/tensor.ts";
import { DEFAULT_PREPROCESSING } from "../lib/image/preprocess.ts";
import { END, PAD, START, UNK } from "../lib/text/vocabulary.ts";
import { backends } from "./devices.ts";

const WORDS = 23;
const IMAGES = 5;

function config(decoder: ModelConfig["decoder"]): ModelConfig {
  const sizes = { channels: [4, 6, 8, 10], embedding: 7, hidden: 9, attention: 5, dropout: 0 };
  return { encoder: "tiny", decoder, ...sizes, preprocessing: { ...DEFAULT_PREPROCESSING, size: 16 } };
}

function sayable({ ids }: Caption): boolean {
  return ids.length > 0 && !ids.some((id) => id === PAD || id === START || id === UNK || id >= WORDS);
}

for (const backend of backends) {
  for (const decoder of ["attend", "show_tell"] as const) {
    describe(`beam search with ${decoder} on ${backend.name}`, () => {
      let model: CaptionModel;
      let features: Tensor;
      beforeAll(() => {
        model = new CaptionModel(backend, config(decoder), { words: WORDS, seed: 11 });
        const random = new Random(4);
        // Larger weights than a fresh model's make confident, different captions.
        const weight = model.parameters.all.find(({ name }) => name === "decoder.fc.weight")!.tensor;
        backend.write(
          weight.storage,
          Float32Array.from({ length: weight.length }, () => 2 * random.normal()),
        );
        const values = Float32Array.from({ length: IMAGES * 4 * 10 }, () => 2 * random.normal());
        features = tensor(backend, values, { shape: [IMAGES, 4, 10], label: "features" });
      });
      afterAll(() => {
        features.dispose();
        model.dispose();
      });

      const search = (options: Parameters<typeof beamSearch>[2], of = features) =>
        beamSearch(model.decoder, of, { maxLength: 12, ...options });

      it("captions a batch as it captions each picture alone", async () => {
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
        const captions = await search({ beam: 1 });
        for (const [{ logProbabilities, score }] of captions) {
          assert.ok(logProbabilities.every((p) => p <= 0));
          assert.ok(Math.abs(logProbabilities.reduce((sum, p) => sum + p, 0) - score) < 1e-4);
        }
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
}
