// This module runs in Deno only.
/** Bad input at the command line: what `caption`, `train`, `demo` and `verify` say, end with, and leave alone. */
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { parseSafetensors, type SafetensorsFile, serialiseSafetensors } from "../lib/data/safetensors.ts";
import { sealed } from "../lib/data/seal.ts";
import { infoProblems } from "../lib/models/check_info.ts";
import { END } from "../lib/text/vocabulary.ts";
import { type Coco, task, type TaskName, tasks, TINY, writeCoco } from "./commands.ts";
import { FIXTURES, lacksFixture } from "./fixtures.ts";
import { latin1 } from "./pictures.ts";

let dir = "";
let model = "";
let good = "";
let coco: Coco;

/** A tiny model, pictures and captions, shared by all tests. */
async function prepare(): Promise<void> {
  dir = await Deno.makeTempDir();
  coco = await writeCoco(dir);
  good = `${dir}/photos/100.jpg`;
  model = `${dir}/run/model.safetensors`;
  const { code, stderr } = await task("train", ...trainOn({}), "--steps", "4");
  assert.equal(code, 0, stderr);
}

/** Arguments of a training that would succeed but for what is given. */
function trainOn({ annotations = "captions.json", images = "photos", out = "run" }): string[] {
  const at = (name: string) => name.startsWith("/") ? name : `${dir}/${name}`;
  return [...TINY, "--data", `${dir}/data`, "--out", at(out)]
    .concat("--annotations", at(annotations), "--images", at(images));
}

/** A file of `dir` with these contents. */
async function file(name: string, contents: string | Uint8Array): Promise<string> {
  const bytes = typeof contents === "string" ? new TextEncoder().encode(contents) : contents;
  await Deno.writeFile(`${dir}/${name}`, bytes);
  return `${dir}/${name}`;
}

/** The model with changes, as a file. */
async function changedModel(name: string, change: (file: SafetensorsFile) => Partial<SafetensorsFile>) {
  const original = parseSafetensors(await Deno.readFile(model), model);
  const parts = serialiseSafetensors(await sealed({ ...original, ...change(original) }));
  return await file(
    `${name}.safetensors`,
    new Uint8Array(await new Blob(parts.map((part) => part.slice())).arrayBuffer()),
  );
}

/** The model with a value in its metadata replaced. */
function withInfo(change: (info: Record<string, unknown>) => Record<string, unknown>) {
  return ({ metadata }: SafetensorsFile) => ({
    metadata: { ...metadata, showtell: JSON.stringify(change(JSON.parse(metadata.showtell))) },
  });
}

/** A JPEG whose header says that it is 50,000 pixels wide and high. */
function hugeJpeg(jpeg: Uint8Array): Uint8Array {
  const huge = jpeg.slice();
  const at = huge.findIndex((byte, i) => byte === 0xff && huge[i + 1] === 0xc0); // start of a baseline frame
  new DataView(huge.buffer).setUint32(at + 5, 50_000 << 16 | 50_000);
  return huge;
}

/** A GIF of 2 × 2 pixels and a colour a frame. After each two pixels the code table is cleared: codes keep 3 bits. */
function gif(...colours: readonly (readonly [number, number, number])[]): Uint8Array {
  const palette = [...colours, [0, 0, 0], [0, 0, 0], [0, 0, 0]].slice(0, 4).flat();
  const frames = colours.flatMap((_, i) => {
    const codes = [4, i, i, 4, i, i, 5];
    const bits = codes.reduce((sum, code, at) => sum | code << (3 * at), 0);
    const data = [bits & 255, bits >> 8 & 255, bits >> 16 & 255];
    return [0x21, 0xf9, 4, 0, 10, 0, 0, 0, 0x2c, 0, 0, 0, 0, 2, 0, 2, 0, 0, 2, data.length, ...data, 0];
  });
  return Uint8Array.from([...latin1("GIF89a"), 2, 0, 2, 0, 0x81, 0, 0, ...palette, ...frames, 0x3b]);
}

const lines = (text: string) => text.split("\n").filter((line) => line !== "");

describe("bad input", () => {
  beforeAll(prepare);
  afterAll(() => Deno.remove(dir, { recursive: true }));

  it("caption names every bad picture, captions the others, keeps the order and ends with 1", async () => {
    const jpeg = await Deno.readFile(good);
    const pictures: [path: string, error?: RegExp][] = [
      [good],
      [`${dir}/missing.jpg`, /^Cannot read .*missing\.jpg: there is no such file$/],
      [await file("empty.jpg", ""), /it is empty/],
      [
        await file("page.jpg", "<!doctype html><title>Not found</title>"),
        /it is an HTML page, it must be a JPEG/,
      ],
      [await file("cut.jpg", jpeg.subarray(0, jpeg.length * 2 / 3)), /it is truncated/],
      [await file("huge.jpg", hugeJpeg(jpeg)), /50000 × 50000 = 2500 million pixels, .* --max-megapixels/],
      [
        await file("a.webp", latin1(`RIFF\x24\0\0\0WEBPVP8 ${"\0".repeat(40)}`)),
        /it is a WebP picture, .* convert/,
      ],
      [await file("a.tiff", latin1(`II*\0\x08\0\0\0${"\0".repeat(40)}`)), /it is a TIFF picture, .* convert/],
      [`${dir}/photos`, /it is a folder, name the pictures in it/],
      [good],
    ];
    const { code, stdout, stderr } = await task(
      "caption",
      "--json",
      "--model",
      model,
      ...pictures.map(([path]) => path),
    );
    assert.equal(code, 1);
    const answers = lines(stdout).map((line) => JSON.parse(line));
    assert.deepEqual(answers.map(({ image }) => image), pictures.map(([path]) => path));
    for (const [i, [path, error]] of pictures.entries()) {
      if (error) assert.match(answers[i].error, error, path);
      else assert.ok(answers[i].words.length > 0 && answers[i].candidates.length === 1, stdout);
      assert.equal("error" in answers[i], !("caption" in answers[i]), "an answer is a caption or an error");
    }
    assert.match(stderr, /^captioning with [^\n]+\n$/, "errors are in the JSON");
  });

  it("caption shows no attention of a model that has none", async () => {
    const into = ["--decoder", "show_tell", "--steps", "1"];
    const { code } = await task("train", ...trainOn({ out: "blind" }), ...into);
    assert.equal(code, 0);
    const blind = `${dir}/blind/model.safetensors`;
    const { code: refused, stderr } = await task(
      "caption",
      "--model",
      blind,
      "--attention",
      `${dir}/a.html`,
      good,
    );
    assert.equal(refused, 1);
    assert.match(
      stderr,
      /^Cannot show where .*blind\/model\.safetensors looked: its decoder is show_tell, .* leave out/m,
    );
  });

  it("caption refuses a folder for its page before it looks at a picture", async () => {
    const { code, stdout, stderr } = await task(
      "caption",
      "--model",
      model,
      "--attention",
      `${dir}/photos`,
      good,
    );
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, /^Cannot write .*photos: it is a folder, name a file in it$/m);
  });

  it("caption says to people on stderr what went wrong and keeps stdout for captions", async () => {
    const { code, stdout, stderr } = await task(
      "caption",
      "--model",
      model,
      `${dir}/none.jpg`,
      good,
      "--device",
      "auto",
    );
    assert.equal(code, 1);
    assert.match(stdout, new RegExp(`^${good}: \\S[^\n]*\n$`));
    assert.match(stderr, /^captioning with [^\n]+\nCannot read [^\n]+\n$/, "and drivers say nothing");
  });

  it("a wrong command line ends with 2 and a line that helps, before anything is opened", async () => {
    const wrong: [RegExp, TaskName, ...string[]][] = [
      [/no such option, did you mean --beam\?/, "caption", "--beem", "3", good],
      [/no such option, did you mean --learning-rate\?/, "train", "--lerning-rate", "1"],
      [/no such option, did you mean --steps\?/, "demo", "--step", "1"],
      [/no such option, did you mean --group\?/, "verify", dir, "--gruop", "ops"],
      [/IMAGE is missing/, "caption", "--model", model],
      [/--beam 0: expected a whole number from 1/, "caption", "--beam", "0", good],
      [/--size 17: tiny expects a multiple of 8/, "train", "--size", "17"],
      [/--steps and --epochs both set the length/, "train", "--steps", "1", "--epochs", "1"],
      [/--fresh and --resume exclude each other/, "train", ...trainOn({}), "--fresh", "--resume"],
      [
        /--checkpoint-every 5x: expected steps .* or minutes/,
        "train",
        ...trainOn({}),
        "--checkpoint-every",
        "5x",
      ],
    ];
    const outcomes = await tasks(wrong.map(([, ...command]) => command));
    for (const [i, [message, ...command]] of wrong.entries()) {
      const { code, stdout, stderr } = outcomes[i];
      assert.deepEqual([code, stdout, lines(stderr).length], [2, "", 1], `${command.join(" ")}: ${stderr}`);
      assert.match(stderr, message);
    }
  });

  it("caption refuses a model that is damaged, foreign or not there, and says what is wrong with it", async () => {
    const bytes = await Deno.readFile(model);
    const misfit = ({ tensors }: SafetensorsFile) => {
      const changed = new Map(tensors);
      changed.delete("decoder.fc.bias");
      changed.set("decoder.fc.weight", { dtype: "F32", shape: [2, 2], data: new Float32Array(4) });
      return { tensors: changed };
    };
    const notNumbers = ({ tensors }: SafetensorsFile) => {
      const { shape, data } = tensors.get("decoder.fc.bias")!;
      const changed = { dtype: "F32", shape, data: new Float32Array(data.length).fill(NaN) } as const;
      return { tensors: new Map(tensors).set("decoder.fc.bias", changed) };
    };
    const models: [path: string, error: RegExp][] = [
      [
        await file("cut.safetensors", bytes.subarray(0, bytes.length / 2)),
        /it is cut off: ".*" ends at byte/,
      ],
      [
        await changedModel("version", withInfo((info) => ({ ...info, format: 2 }))),
        /its format is 2, .* reads 1/,
      ],
      [
        await changedModel("misfit", misfit),
        /decoder\.fc\.weight is \[2, 2\], should be \[\d+, 16\]; decoder\.fc\.bias is missing/,
      ],
      [
        await changedModel(
          "config",
          withInfo((info) => ({ ...info, words: ["a", "a"], config: { encoder: "vgg" } })),
        ),
        /words is .*, should be a list of different texts; encoder is "vgg", should be one of tiny, resnet18, .*; .* hidden is missing/,
      ],
      [await changedModel("nan", notNumbers), /scores are not numbers, its weights are damaged/],
      [good, /it is not a safetensors file/],
      [`${dir}/run`, /it is a folder/],
      [`${dir}/no.safetensors`, /not found, run `deno task demo` or `deno task train`/],
    ];
    const outcomes = await tasks(
      models.map(([path]) => ["caption", "--device", "cpu", "--model", path, good]),
    );
    for (const [i, [path, error]] of models.entries()) {
      const { code, stdout, stderr } = outcomes[i];
      assert.deepEqual([code, stdout], [1, ""], path);
      assert.match(stderr, error);
      assert.doesNotMatch(stderr, /SHOWTELL_DEBUG|Error:/, "the message is one of ours");
    }
  });

  it("caption takes the newest of two models, and names the command that makes one where there is none", async () => {
    const data = `${dir}/models`;
    await Deno.mkdir(`${data}/demo`, { recursive: true });
    const paths = [`${data}/model.safetensors`, `${data}/demo/model.safetensors`];
    const caption = () => task("caption", "--data", data, "--device", "cpu", good);
    const none = await caption();
    assert.deepEqual([none.code, none.stdout], [1, ""]);
    assert.match(none.stderr, /Cannot find a model in .*: run `deno task demo`/);
    for (const path of paths) await Deno.copyFile(model, path);
    for (const newest of paths) {
      for (const path of paths) await Deno.utime(path, 0, path === newest ? 2000 : 1000);
      assert.match((await caption()).stderr, new RegExp(`^captioning with ${newest} on`));
    }
  });

  it("caption never says nothing, and finds out first whether its page can be written", async () => {
    const silent = await changedModel("silent", ({ tensors }) => {
      const { shape, data } = tensors.get("decoder.fc.bias")!;
      const bias = Float32Array.from(data as Float32Array);
      bias[END] = 1000; // it wants to end at once
      return { tensors: new Map(tensors).set("decoder.fc.bias", { dtype: "F32", shape, data: bias }) };
    });
    const { stdout } = await task("caption", "--model", silent, "--device", "cpu", good);
    assert.match(stdout, /^\S+\n$/, "one word, since none would be no caption");
    const page = await task("caption", "--model", model, "--attention", `${good}/page.html`, good);
    assert.deepEqual([page.code, page.stdout], [1, ""]);
    assert.match(page.stderr, /^Cannot write into the folder .*100\.jpg/);
  });

  it("caption reads an animated GIF's first frame", async () => {
    const [red, blue] = [[250, 10, 10], [10, 10, 250]] as const;
    const pictures = [
      await file("still.gif", gif(red)),
      await file("moving.gif", gif(red, blue)),
      await file("other.gif", gif(blue, red)),
    ];
    const { code, stdout } = await task(
      "caption",
      "--json",
      "--model",
      model,
      "--device",
      "cpu",
      ...pictures,
    );
    assert.equal(code, 0, stdout);
    const [still, moving, other] = lines(stdout).map((line) => ({ ...JSON.parse(line), image: "" }));
    assert.deepEqual(moving, still);
    assert.notEqual(other.score, still.score);
  });

  const captionJson = ["caption", "--json", "--device", "cpu", "--model"] as const;
  interface Written {
    caption: string;
    logProbability: number;
    words: { word: string; probability: number }[];
  }

  it("caption gives as many candidates as asked for, though the beam is narrower", async () => {
    const { stdout } = await task(...captionJson, model, "--beam", "1", "--candidates", "3", good);
    const { image: _, candidates, ...best } = JSON.parse(stdout) as Written & {
      image: string;
      candidates: Written[];
    };
    assert.ok(candidates.length > 1, stdout);
    assert.equal(new Set(candidates.map(({ caption }) => caption)).size, candidates.length);
    assert.deepEqual(candidates[0], best);
    for (const { caption, logProbability, words } of candidates) {
      assert.equal(words.map(({ word }) => word).join(" "), caption);
      const logs = words.map(({ probability }) => Math.log(probability));
      const sum = logs.reduce((total, log) => total + log, 0);
      assert.ok(logProbability <= sum + 1e-4, `with its end ${logProbability}, without ${sum}`);
    }
  });

  it("caption says so where the search finds fewer candidates than asked for", async () => {
    const { code, stdout, stderr } = await task(
      ...captionJson,
      ...[model, "--candidates", "100", "--max-length", "1", good],
    );
    assert.equal(code, 0);
    const { candidates } = JSON.parse(stdout) as { candidates: Written[] };
    assert.ok(candidates.length < 100);
    assert.match(stderr, new RegExp(`found ${candidates.length} captions, 100 were asked for`));
  });

  it(
    "caption takes 150 photographs at once, in their order, with progress on stderr",
    { ignore: lacksFixture("data/coco/photos") },
    async () => {
      const folder = `${FIXTURES}/data/coco/photos`;
      const paths = [...Deno.readDirSync(folder)].map(({ name }) => `${folder}/${name}`).slice(0, 150);
      const { code, stdout, stderr } = await task("caption", "--model", model, "--device", "cpu", ...paths);
      assert.equal(code, 0, stderr);
      assert.deepEqual(lines(stdout).map((line) => line.slice(0, line.indexOf(": "))), paths);
      assert.match(stderr, /\nCaptioning: 150 pictures in /);
    },
  );

  it("train explains data it cannot learn from, and leaves nothing behind", async () => {
    const json = (name: string, content: unknown) => file(name, JSON.stringify(content));
    await Deno.mkdir(`${dir}/pages`);
    for (const { file_name } of coco.images) {
      await file(`pages/${file_name}`, "<!doctype html><title>Gone</title>");
    }
    const out = "none";
    const bad: [RegExp, ...string[]][] = [
      [
        /no list "images" .*it should look like \{"images"/,
        ...trainOn({ out, annotations: await json("x.json", { a: 1 }) }),
      ],
      [
        /not valid JSON .*cut off/,
        ...trainOn({ out, annotations: await file("y.json", '{"images": [{"id') }),
      ],
      [
        /holds no picture with a caption \(12 pictures without captions\)/,
        ...trainOn({ out, annotations: await json("z.json", { ...coco, annotations: [] }) }),
      ],
      [/none\.json: not found, .* --annotations/, ...trainOn({ out, annotations: "none.json" })],
      [/nothing is not a folder, .* --images/, ...trainOn({ out, images: "nothing" })],
      [/none of the 12 pictures .* \(looked for 100\.jpg/, ...trainOn({ out, images: dir })],
      [/none of 12 can be decoded \(100\.jpg: .*HTML page/, ...trainOn({ out, images: "pages" })],
      [
        /no word occurs 1000 times .* pass --min-count \d+ or less/,
        ...trainOn({ out }).toSpliced(TINY.indexOf("--min-count") + 1, 1, "1000"),
      ],
    ];
    // One run a folder: two of them are trained at a time.
    const own = (args: string[], i: number) => args.with(args.indexOf("--out") + 1, `${dir}/none${i}`);
    const outcomes = await tasks(bad.map(([, ...args], i) => ["train", ...own(args, i), "--steps", "2"]));
    for (const [i, [message, ...args]] of bad.entries()) {
      assert.equal(outcomes[i].code, 1, args.join(" "));
      assert.match(outcomes[i].stderr, message);
      assert.doesNotMatch(outcomes[i].stderr, /SHOWTELL_DEBUG/);
      assert.deepEqual([...Deno.readDirSync(`${dir}/none${i}`)], []);
    }
  });

  it("train and demo find out before they start that a folder cannot be written", async () => {
    const commands: [TaskName, ...string[]][] = [
      ["train", ...trainOn({ out: "captions.json/run" }), "--steps", "2"],
      ["train", ...trainOn({ out: "/proc/run" }), "--steps", "2"],
      ["demo", "--data", `${dir}/captions.json`, "--device", "cpu"],
    ];
    for (const { code, stdout, stderr } of await tasks(commands)) {
      assert.deepEqual([code, stdout, lines(stderr).length], [1, "", 2], stderr);
      assert.match(
        stderr,
        /\nCannot write into the folder .*(captions\.json|\/proc\/run: it belongs to the system)/,
      );
    }
  });

  it("verify does not pass where there is nothing to verify", async () => {
    await Deno.mkdir(`${dir}/goldens/ops`, { recursive: true });
    const verify = () => task("verify", `${dir}/goldens`, "--group", "ops", "--device", "cpu");
    const empty = await verify();
    assert.deepEqual([empty.code, empty.stdout], [1, ""]);
    assert.match(empty.stderr, /Cannot verify .*goldens: it holds no case of ops/);
    await file("goldens/ops/conv.json", "{");
    assert.match((await verify()).stderr, /conv\.json: it is not JSON/);
  });
});

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
    const pictures = (size: number) => ({ preprocessing: { ...config.preprocessing, size } });
    const deep = { encoder: "resnet152", channels: undefined, grid: 14, ...pictures(64) };
    const keras = { ...deep, encoder: "mobilenet_v2", variant: "keras" };
    for (const whole of [info, withConfig(deep), withConfig(keras)]) {
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
