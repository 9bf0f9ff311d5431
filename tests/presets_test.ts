// This module runs in Deno only.
/** Each preset through the real script, 20 steps on the photographs, made small by flags alone. */
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { parseSafetensors } from "../lib/data/safetensors.ts";
import { PRESET_NAMES, PRESETS } from "../lib/train/presets.ts";
import { task, tasks } from "./commands.ts";
import { FIXTURES, lacksFixture } from "./fixtures.ts";

/** What makes a recipe small enough for a test: sizes, not its way of training. */
const SMALL = ["--size", "32", "--hidden", "24", "--embedding", "24", "--attention", "16", "--batch", "4"]
  .concat("--grid", "0", "--encoder", "tiny", "--weights", "none", "--min-count", "2", "--device", "cpu")
  .concat("--val-share", "0", "--steps", "20", "--validate-every", "1000", "--log-every", "20");

let dir = "";

/** Flags that name the fixtures' photographs; what is packed of them is shared. */
const photographs = () => {
  const source = `${FIXTURES}/data/coco`;
  return [
    ...["--annotations", `${source}/captions_photos.json`],
    ...["--images", `${source}/photos`],
    ...["--data", dir],
  ];
};

describe("presets", { ignore: lacksFixture("data/coco/photos") }, () => {
  beforeAll(async () => {
    dir = await Deno.makeTempDir();
  });
  afterAll(() => Deno.remove(dir, { recursive: true }));

  it("train 20 steps on the photographs, and the model file says what was used", async () => {
    const data = photographs();
    const run = (name: string): ["train", ...string[]] => {
      return ["train", "--preset", name, "--out", `${dir}/${name}`, ...data, ...SMALL];
    };
    const [first, ...others] = PRESET_NAMES;
    const outcomes = [await task(...run(first)), ...await tasks(others.map(run))]; // the first packs for all
    for (const [i, { code, stderr }] of outcomes.entries()) {
      const name = PRESET_NAMES[i];
      assert.equal(code, 0, `${name}: ${stderr}`);
      const text = Deno.readTextFileSync(`${dir}/${name}/metrics.jsonl`);
      const lines = text.trimEnd().split("\n").map((line) => JSON.parse(line));
      const { step, crossEntropy } = lines.findLast((line) => line.crossEntropy !== undefined);
      assert.equal(step, 20, name);
      assert.ok(crossEntropy > 1 && crossEntropy < 7, `${name}: ${crossEntropy} nats a word`);
      const { metadata } = parseSafetensors(Deno.readFileSync(`${dir}/${name}/model.safetensors`), name);
      const { recipe, config } = JSON.parse(metadata.showtell);
      const { learningRate, decoder, clipValue, sampling } = PRESETS[name];
      const used = {
        learningRate: recipe.learningRate,
        decoder: config.decoder,
        clipValue: recipe.clipValue ?? 0,
      };
      assert.deepEqual(used, { learningRate, decoder, clipValue }, name);
      assert.equal(recipe.scheduledSampling?.most ?? 0, sampling, name);
      assert.deepEqual([recipe.steps, recipe.batch, config.hidden], [20, 4, 24], "flags override");
    }
  });

  it("have a second phase: self-critical training of att2in", async () => {
    const data = photographs();
    const run = ["--preset", "att2in", "--from", `${dir}/att2in/model.safetensors`, "--out", `${dir}/rl`]
      .concat(
        "--steps",
        "2",
        "--batch",
        "3",
        "--samples",
        "2",
        "--device",
        "cpu",
        "--validate-every",
        "1000",
      );
    const { code, stderr } = await task("self-critical", ...data, ...run);
    assert.equal(code, 0, stderr);
    const { metadata } = parseSafetensors(Deno.readFileSync(`${dir}/rl/checkpoint.safetensors`), "rl");
    const { baseline, clipValue, fineTune, schedule, samples } = JSON.parse(metadata.showtell).recipe;
    const used = { baseline, clipValue, fineTune, schedule, samples };
    assert.deepEqual(used, {
      baseline: "greedy",
      clipValue: 0.1,
      fineTune: "none",
      schedule: "constant",
      samples: 2,
    });
  });

  it("name the command that fetches their weights", async () => {
    const { code, stderr } = await task(
      "train",
      "--preset",
      "sgrvinod",
      "--data",
      dir,
      "--out",
      `${dir}/none`,
    );
    assert.equal(code, 1);
    assert.match(stderr, /resnet101-63fe2227.*run `deno task download --weights resnet101-63fe2227` first/);
    const other = await task(
      "train",
      "--preset",
      "sgrvinod",
      "--encoder",
      "resnet18",
      "--out",
      `${dir}/none`,
    );
    assert.equal(other.code, 2);
    assert.match(other.stderr, /they are of resnet101, add --weights NAME, or --weights none/);
  });

  it("are explained without data, and with the size of the data where they are there", async () => {
    const explain = ["--preset", "default", "--explain", "--json", "--device", "cpu", "--batch", "8"];
    const bare = await task("train", ...explain, "--data", `${dir}/nowhere`);
    assert.equal(bare.code, 0, bare.stderr);
    const { parts, parameters, features, phases, stepsPerEpoch } = JSON.parse(bare.stdout);
    const sizes = Object.fromEntries(
      parts.map(({ name, parameters }: { name: string; parameters: number }) => [name, parameters]),
    );
    assert.equal(sizes["encoder.block1"], 3 * 3 * 3 * 32 + 2 * 32); // weight, and the norm's scale and shift
    assert.equal(sizes["decoder.fc"], 10_000 * 256 + 10_000);
    assert.equal(Object.values<number>(sizes).reduce((sum, size) => sum + size), parameters);
    assert.deepEqual(features, [64, 256]);
    assert.equal(stepsPerEpoch, Math.ceil(414_113 / 8));
    const [{ operations, measuredBatch, msPerStep, memory }] = phases;
    // The words' layer alone: 12 steps, forwards and the two gradients. The convolutions, by hand, forwards and back.
    const words = 3 * 2 * 12 * 256 * 10_000;
    const maps = [27 * 32 * 32 ** 2, 288 * 64 * 16 ** 2, 576 * 128 * 16 ** 2, 1152 * 256 * 8 ** 2];
    const least = 8 * (words + maps.reduce((sum, size, i) => sum + (i ? 3 : 2) * 2 * size, 0)); // pixels have no gradient
    assert.ok(
      operations > least && operations < 1.5 * least,
      `${operations} operations, the largest are ${least}`,
    );
    assert.ok(msPerStep > 0 && memory > 16 * parameters && [2, 8].includes(measuredBatch));
    const source = `${FIXTURES}/data/coco`;
    const data = ["--annotations", `${source}/captions_photos.json`, "--val-share", "0", "--min-count", "2"];
    const found = await task("train", ...explain, ...data);
    assert.equal(found.code, 0, found.stderr);
    assert.equal(
      JSON.parse(found.stdout).stepsPerEpoch,
      Math.ceil(149 * 5 / 8),
      "149 photographs are for training",
    );
  });
});
