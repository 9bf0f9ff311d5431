// This module runs in Deno only.
/** Several models that write together. */
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import type { Preprocessing } from "../lib/image/preprocess.ts";
import type { CaptionModel } from "../lib/models/caption_model.ts";
import { checkEnsemble, ensembleDecoder } from "../lib/models/ensemble.ts";
import { captionPixels } from "../lib/models/captioner.ts";
import { softmax } from "../lib/ops/mod.ts";
import { Random } from "../lib/random.ts";
import { scope } from "../lib/scope.ts";
import { Tensor, tensor } from "../lib/tensor.ts";
import { START, Vocabulary } from "../lib/text/vocabulary.ts";
import { backends } from "./devices.ts";
import { makeModel, near, smallConfig, WORDS } from "./search_models.ts";

for (const backend of backends) {
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

    it("tells words apart that all members find all but impossible, and can be made to say them", async () => {
      const biases = models.map((model) =>
        model.parameters.all.find(({ name }) => name === "decoder.fc.bias")!.tensor
      );
      const before = await Promise.all(biases.map((bias) => bias.read().then((numbers) => numbers.slice())));
      biases.forEach((bias, i) =>
        backend.write(bias.storage, before[i].map((b, id) => b - (id === 9 ? 200 : 0)))
      );
      try {
        for (const together of [[0], [0, 2], [0, 1, 2]]) {
          const [[best]] = await caption(together, { forced: [9] });
          assert.ok(best.text.includes("word5"), `${together}: ${best.text}`);
          assert.ok(best.score < -150 && best.score > -250, `${best.score}`);
        }
      } finally {
        biases.forEach((bias, i) => backend.write(bias.storage, before[i]));
      }
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
      const seeing = (preprocessing: Partial<Preprocessing>) => {
        const config = smallConfig("attend");
        const all = { ...config, preprocessing: { ...config.preprocessing, ...preprocessing } };
        return { model: { config: all } as CaptionModel, vocabulary };
      };
      assert.throws(
        () => checkEnsemble([seeing({}), seeing({ resize: "crop" })]),
        /they see pictures differently, .*"squash".* and .*"crop"/,
      );
      checkEnsemble([seeing({}), seeing({ mean: [0, 0, 0], std: [1, 1, 1], shortSide: 16 })]); // the same pixels
    });
  });
}
