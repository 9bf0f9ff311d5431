// This module runs in Deno only.
/** Whether words are as sure as they are right. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import type { BatchSource } from "../lib/data/batches.ts";
import { TokenTable } from "../lib/data/token_table.ts";
import { calibrationLines } from "../lib/deno/evaluation_source.ts";
import { calibrate, calibrationError } from "../lib/models/calibrate.ts";
import { CaptionModel } from "../lib/models/caption_model.ts";
import { Random } from "../lib/random.ts";
import { END, START, UNK } from "../lib/text/vocabulary.ts";
import { backends } from "./devices.ts";
import { near, smallConfig, WORDS } from "./search_models.ts";

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
    const split = captioned(40, 5);
    const model = new CaptionModel(backend, smallConfig("attend"), { words: WORDS, seed: 3 });
    const [weight, bias] = ["weight", "bias"].map((name) =>
      model.parameters.all.find((parameter) => parameter.name === `decoder.fc.${name}`)!.tensor
    );
    const logits = Float32Array.from(
      { length: WORDS },
      (_, id) => id === 7 ? 2.2 : id > UNK ? -1 : id === END ? 0 : -8,
    );
    const fitted = [];
    for (const factor of [1, 2, 0.1, 20]) {
      backend.write(weight.storage, new Float32Array(weight.length));
      backend.write(bias.storage, logits.map((logit) => logit * factor));
      fitted.push(await calibrate(model, split));
    }
    const [once, twice, unsure, sure] = fitted;
    assert.deepEqual(fitted.map(({ edge }) => edge), [undefined, undefined, "lowest", "highest"]);
    near([unsure.temperature, sure.temperature], [2 ** -1.5, 2 ** 2.5], 1e-12);
    assert.match(calibrationLines(sure)[2], /the highest temperature tried: the best lies beyond it/);
    assert.deepEqual([once, unsure].map((found) => calibrationLines(found).length), [2, 3]);
    near([twice.temperature], [2 * once.temperature], 0.02 * once.temperature);
    assert.ok(twice.after.expected < twice.before.expected / 2, JSON.stringify(twice));
    near([twice.after.expected, twice.after.accuracy], [once.after.expected, twice.before.accuracy], 0.01);
    const uneven = captioned(40, 5, (picture) => picture % 2 === 0 ? 7 : 8);
    const told: string[] = [];
    const measured = await calibrate(model, uneven, {
      onProgress: (done, total) => told.push(`${done}/${total}`),
    });
    assert.ok(measured.after.accuracy < 0.1, "it is the pictures not fitted to that are measured");
    assert.deepEqual([told[0], told.at(-1), told.length], ["1/26", "26/26", 26]);
    await assert.rejects(calibrate(model, captioned(1, 5)), /on 1 pictures: needs at least 2/);
    const { temperature, before, after } = await calibrate(model, captioned(2, 1)); // one to fit, one to measure
    for (const value of [temperature, ...Object.values(before), ...Object.values(after)]) {
      assert.ok(value >= 0 && Number.isFinite(value), `${value}`);
    }
    model.dispose();
  });
});

/** Pictures whose captions say one word seven times of ten, else any word. */
function captioned(images: number, each: number, usual: (picture: number) => number = () => 7): BatchSource {
  const random = new Random(9);
  const columns = 8;
  const word = (picture: number) => random.uniform() < 0.7 ? usual(picture) : 4 + random.integer(WORDS - 4);
  const ids = Uint32Array.from(
    { length: images * each * columns },
    (_, i) =>
      i % columns === 0 ? START : i % columns === columns - 1 ? END : word(Math.floor(i / columns / each)),
  );
  return {
    imageIds: Array.from({ length: images }, (_, i) => i),
    tokens: new TokenTable(
      ids,
      Uint32Array.from({ length: images * each + 1 }, (_, i) => i * columns),
      Uint32Array.from({ length: images + 1 }, (_, i) => i * each),
    ),
    size: 16,
    pixels: (numbers, out = new Uint8Array(numbers.length * 768)) => out.fill(9),
  };
}
