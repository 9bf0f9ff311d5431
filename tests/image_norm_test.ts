/** The batch norm that some recipes have between the projected image and the LSTM. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { CpuBackend } from "../lib/backend/cpu.ts";
import { DEFAULT_PREPROCESSING } from "../lib/image/preprocess.ts";
import { CaptionModel } from "../lib/models/caption_model.ts";
import { infoProblems } from "../lib/models/check_info.ts";
import type { ModelConfig } from "../lib/models/config.ts";
import { scope } from "../lib/scope.ts";
import { tensor } from "../lib/tensor.ts";

describe("the image's batch norm of show_tell", () => {
  const config: ModelConfig = {
    ...{ encoder: "tiny", channels: [2, 2, 2, 3], decoder: "show_tell", imageNorm: true },
    ...{ embedding: 2, hidden: 3, attention: 1, dropout: 0 },
    preprocessing: { ...DEFAULT_PREPROCESSING, size: 8 },
  };

  it("takes the batch's statistics in training and moves the running ones by a hundredth", async () => {
    const model = new CaptionModel(new CpuBackend(), config, { words: 6 });
    const parameter = (name: string) => model.parameters.all.find((one) => one.name === `decoder.${name}`)!;
    const features = tensor(model.backend, [1, 2, 3, 3, 0, 1, -2, 5, 0], { shape: [3, 1, 3] });
    const [weight, bias] = await Promise.all(
      ["weight", "bias"].map((end) => parameter(`image_proj.${end}`).tensor.read()),
    );
    const mean = [2 / 3, 7 / 3, 4 / 3]; // of the features
    const projected = [0, 1].map((e) =>
      bias[e] + mean.reduce((sum, value, d) => sum + value * weight[e * 3 + d], 0)
    );
    const begin = (training: boolean) => {
      const { state: { h } } = scope(() => model.decoder.begin(features, { training }));
      return h.read();
    };
    const before = await begin(false);
    const inTraining = await begin(true);
    const running = await parameter("image_norm.running_mean").tensor.read();
    projected.forEach((value, e) =>
      assert.ok(Math.abs(running[e] - 0.01 * value) < 1e-6, `${running[e]} of ${value}`)
    );
    assert.ok(before.some((value, i) => Math.abs(value - inTraining[i]) > 1e-3), "training changes nothing");
    assert.ok(!parameter("image_norm.running_var").trained && parameter("image_norm.weight").trained);
    model.dispose();
  });

  it("is refused where there is no image of its own", () => {
    const info = { words: [], wordSource: "ptb", recipe: {}, step: 0, scores: {}, dataHash: "" };
    assert.deepEqual(infoProblems({ ...info, config }), []);
    assert.match(
      infoProblems({ ...info, config: { ...config, decoder: "attend" } }).join(),
      /imageNorm is true/,
    );
    assert.match(infoProblems({ ...info, config: { ...config, imageNorm: 1 } }).join(), /imageNorm is 1/);
  });
});
