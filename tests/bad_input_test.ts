// This module runs in Deno only.
/** Bad input at the command line: what `caption`, `train`, `demo` and `verify` say, end with, and leave alone. */
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { type SafetensorsFile } from "../lib/data/safetensors.ts";
import { task, type TaskName, tasks, TINY } from "./commands.ts";
import { latin1 } from "./pictures.ts";
import { changedModel, coco, dir, file, good, lines, model, prepare, trainOn } from "./small_run.ts";

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
