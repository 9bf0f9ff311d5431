/** A model file's metadata: accepted whole, refused by name. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { infoProblems } from "../lib/models/check_info.ts";

describe("a model file's metadata", () => {
  const config = {
    encoder: "tiny",
    channels: [1, 2, 3, 4],
    decoder: "attend",
    embedding: 1,
    hidden: 2,
    attention: 3,
    dropout: 0,
    preprocessing: {
      size: 8,
      resize: "crop",
      shortSide: 9,
      mean: [0, 0, 0],
      std: [1, 1, 1],
      orientation: "exif",
    },
  };
  const info = { config, words: ["a"], wordSource: "ptb", recipe: {}, step: 1, scores: {}, dataHash: "" };
  const withConfig = (change: object) => ({ ...info, config: { ...config, ...change } });
  const withPixels = (change: object) =>
    withConfig({ preprocessing: { ...config.preprocessing, ...change } });

  it("are accepted when they are whole, and refused by name when anything is off", () => {
    const pictures = (size: number) => ({
      preprocessing: { ...config.preprocessing, size, shortSide: size + 8 },
    });
    const deep = { encoder: "resnet152", channels: undefined, grid: 14, ...pictures(64) };
    const keras = { ...deep, encoder: "mobilenet_v2", variant: "keras" };
    const unused = withPixels({ resize: "squash", shortSide: 7 }); // only a crop looks at it
    const tight = withPixels({ shortSide: 8 });
    for (const whole of [info, withConfig(deep), withConfig(keras), unused, tight]) {
      assert.deepEqual(infoProblems(whole as unknown as Record<string, unknown>), []);
    }
    const wrong: [object, string][] = [
      ...["wordSource", "recipe", "step", "scores", "dataHash"].flatMap((field): [object, string][] => [
        [{ ...info, [field]: undefined }, field],
        [{ ...info, [field]: [1] }, field],
      ]),
      [{ ...info, wordSource: "spaces" }, "wordSource"],
      [{ ...info, words: "abc" }, "words"],
      [{ ...info, words: ["a", 1] }, "words"],
      [{ ...info, words: ["a", ""] }, "words"],
      [{ ...info, config: null }, "config"],
      ...[0, -1, 1.5, 1e9, "8", null].map((hidden): [object, string] => [withConfig({ hidden }), "hidden"]),
      ...[[1, 0, 2, 3], [1, 2, 3], undefined].map((list): [object, string] => [
        withConfig({ channels: list }),
        "channels",
      ]),
      [withConfig({ encoder: "squeezenet1_0", ...pictures(64) }), "channels"],
      [withConfig({ ...deep, ...pictures(48) }), "size"],
      [withConfig({ ...deep, variant: "keras" }), "variant"],
      [withConfig({ ...deep, encoder: "mobilenet_v2", variant: "caffe" }), "variant"],
      ...[0, 65, "8"].map((grid): [object, string] => [withConfig({ grid }), "grid"]),
      [withConfig({ dropout: 1 }), "dropout"],
      [withConfig({ embeddingDropout: -0.1 }), "embeddingDropout"],
      [withConfig({ squash: "sigmoid" }), "squash"],
      [withConfig({ decoder: "show_tell", squash: "tanh" }), "squash"],
      [withConfig({ decoder: "att2in", deepOutput: true }), "deepOutput"],
      [withConfig({ imageRelu: true }), "imageRelu"],
      [withConfig({ tied: 1 }), "tied"],
      [withConfig({ decoder: "gru" }), "decoder"],
      [withConfig({ preprocessing: [] }), "preprocessing"],
      [withPixels({ size: 1e6 }), "size"],
      [withPixels({ resize: "stretch" }), "resize"],
      [withPixels({ shortSide: 0 }), "shortSide"],
      [withPixels({ shortSide: 7 }), "shortSide is 7, should be a whole number from 8 to 65536, or absent"],
      [withPixels({ mean: [0, 0] }), "mean"],
      [withPixels({ std: [1, 0, 1] }), "std"],
      [withPixels({ orientation: "up" }), "orientation"],
    ];
    for (const [changed, field] of wrong) {
      const problems = infoProblems(changed as Record<string, unknown>);
      assert.equal(problems.length, 1, `${field}: ${problems}`);
      assert.ok(problems[0].startsWith(field), problems[0]);
    }
  });
});
