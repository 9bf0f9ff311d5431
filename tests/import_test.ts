// This module runs in Deno only.
/** Other people's captioners in, ours out: what PyTorch computes before and after is the same. */
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { type CpuBackend, openCpu } from "../lib/backend/cpu.ts";
import { parseSafetensors } from "../lib/data/safetensors.ts";
import { parseWordMap, wordOrder } from "../lib/data/word_map.ts";
import { loadModel } from "../lib/deno/model_disk.ts";
import { captionPixels } from "../lib/models/captioner.ts";
import { uploadPixels } from "../lib/models/device_batch.ts";
import { type LoadedModel, readInfo } from "../lib/models/model_file.ts";
import { scope } from "../lib/scope.ts";
import { tensor } from "../lib/tensor.ts";
import { START } from "../lib/text/vocabulary.ts";
import { task, tasks } from "./commands.ts";
import { lacksTorch, python } from "./python.ts";

const script = (name: string) => new URL(name, import.meta.url).pathname;
/** Largest difference of a logit; the drift measured is 1.4e-6. */
const TOLERANCE = 2e-5;
let dir = "";
let backend: CpuBackend;

interface Answer {
  readonly words: string[];
  /** After each word, by word. */
  readonly logits: Record<string, number>[];
}
let answers: Record<string, Answer>;
const pixels = Uint8Array.from({ length: 256 * 256 * 3 }, (_, i) => {
  const [x, y] = [Math.floor(i / 3) % 256, Math.floor(i / 768)];
  return (Math.sin(x / 17 + i % 3) * Math.cos(y / 23) + 1) * 127;
});

/** The upper left corner of the picture. */
function corner(size: number): Uint8Array {
  return Uint8Array.from({ length: size * size * 3 }, (_, i) => {
    const [row, rest] = [Math.floor(i / (size * 3)), i % (size * 3)];
    return pixels[row * 768 + rest];
  });
}

/** Logits by word after each word of a caption. */
async function logitsOf({ model, vocabulary }: LoadedModel, words: readonly string[]) {
  const { size } = model.config.preprocessing;
  const ids = Uint32Array.from([START, ...words.map((word) => vocabulary.id(word))]);
  const logits = scope(() => {
    const features = model.encode(uploadPixels(model.backend, corner(size)), { batch: 1, training: false });
    const { hidden } = model.decoder.read(
      tensor(model.backend, ids, { shape: [ids.length, 1], type: "u32" }),
      model.decoder.begin(features),
    );
    return model.decoder.predict(hidden);
  });
  const values = await logits.read();
  logits.dispose();
  const V = vocabulary.size;
  return [...ids].map((_, t) =>
    Object.fromEntries(vocabulary.words.map((word, i) => [word, values[t * V + i]]))
  );
}

async function assertSays(path: string, { words, logits }: Answer): Promise<void> {
  const loaded = await loadModel(backend, path);
  const { size } = loaded.model.config.preprocessing;
  const [[caption]] = await captionPixels(loaded, corner(size), { beam: 1, maxLength: words.length });
  assert.deepEqual(caption.words.map(({ word }) => word), words);
  const found = await logitsOf(loaded, words);
  logits.forEach((step, t) => {
    assert.deepEqual(Object.keys(step).sort(), Object.keys(found[t]).sort());
    for (const [word, value] of Object.entries(step)) {
      const error = Math.abs(value - found[t][word]);
      assert.ok(error <= TOLERANCE, `"${word}" after ${t} words: ${found[t][word]}, PyTorch has ${value}`);
    }
  });
  loaded.model.dispose();
}

describe("captioners of others", { ignore: lacksTorch }, () => {
  beforeAll(async () => {
    dir = await Deno.makeTempDir();
    backend = await openCpu({ threads: 2 });
    await Deno.writeFile(`${dir}/pixels.bin`, pixels);
    await python(script("make_captioners.py"), dir);
    const few = { "<pad>": 0, "<start>": 1, "<end>": 2, "<unk>": 3, word: 4 };
    await Deno.writeTextFile(`${dir}/few.json`, JSON.stringify(few));
    answers = JSON.parse(await Deno.readTextFile(`${dir}/answers.json`));
  });
  afterAll(async () => {
    backend.close();
    await Deno.remove(dir, { recursive: true });
  });

  const words = () => ["--words", `${dir}/WORDMAP.json`];

  it("of sgrvinod say here what they say in PyTorch, from both forms of their files", async () => {
    for (const form of ["zip", "stream"]) {
      const files = [`${dir}/sgrvinod.${form}.pth.tar`, ...words(), "--out", `${dir}/${form}.safetensors`];
      const { code, stdout, stderr } = await task("import", "--from", "sgrvinod", ...files);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /\.safetensors: resnet18 \+ attend, 30 words; now `deno task caption --model /);
    }
    const [zip, stream] = ["zip", "stream"].map((form) => Deno.readFileSync(`${dir}/${form}.safetensors`));
    assert.ok(
      zip.length === stream.length && zip.every((byte, i) => byte === stream[i]),
      "the two forms differ",
    );
    await assertSays(`${dir}/zip.safetensors`, answers.sgrvinod);
    const { recipe } = readInfo(parseSafetensors(zip, "zip"), "zip");
    const notes = { importedEpoch: 12, importedTeacherForcedBleu4: 0.24 };
    assert.deepEqual(recipe, { preset: "sgrvinod", importedFrom: "sgrvinod", ...notes });
  });

  it("of sgrvinod go back: PyTorch loads them strictly and they say the same", async () => {
    const back = await task(
      "export",
      "--model",
      `${dir}/zip.safetensors`,
      "--to",
      "sgrvinod",
      "--out",
      `${dir}/back.pth`,
    );
    assert.equal(back.code, 0, back.stderr);
    assert.match(back.stdout, /Encoder\(encoded_image_size=14\)\.load_state_dict/);
    const flat = await task("export", "--model", `${dir}/zip.safetensors`, "--out", `${dir}/flat.pth`);
    assert.equal(flat.code, 0, flat.stderr);
    const found = JSON.parse(await python(script("make_captioners.py"), dir, "check"));
    assert.deepEqual(found.answer, answers.sgrvinod);
    assert.ok(found.sameWords && found.sameNumbers);
    const { tensors } = parseSafetensors(Deno.readFileSync(`${dir}/zip.safetensors`), "zip");
    assert.deepEqual(found.flat, [...tensors.keys()].sort());
  });

  it("of yunjey say here what they say in PyTorch", async () => {
    const files = [`${dir}/encoder.ckpt`, `${dir}/decoder.ckpt`, "--words", `${dir}/vocab.pkl`];
    const { code, stdout, stderr } = await task(
      "import",
      "--from",
      "yunjey",
      ...files,
      "--json",
      "--out",
      `${dir}/yunjey.safetensors`,
    );
    assert.equal(code, 0, stderr);
    const { encoder, decoder, words } = JSON.parse(stdout);
    assert.deepEqual({ encoder, decoder, words }, { encoder: "resnet18", decoder: "show_tell", words: 30 });
    await assertSays(`${dir}/yunjey.safetensors`, answers.yunjey);
  });

  it("that are not what they are said to be are refused with what was found", async () => {
    const file = `${dir}/encoder.ckpt`;
    const wrong = await tasks([
      ["import", "--from", "sgrvinod", file, ...words()],
      ["import", "--from", "sgrvinod", `${dir}/sgrvinod.zip.pth.tar`, "--words", `${dir}/answers.json`],
      ["import", "--from", "sgrvinod", `${dir}/sgrvinod.zip.pth.tar`, "--words", `${dir}/few.json`],
      ["import", "--from", "yunjey", `${dir}/decoder.ckpt`, file, "--words", `${dir}/vocab.pkl`],
      ["import", "--from", "sgrvinod", file],
      ["import", file, file],
      ["import", `${dir}/WORDMAP.json`],
      ["export", "--model", `${dir}/yunjey.safetensors`, "--to", "sgrvinod", "--out", `${dir}/no.pth`],
    ]);
    const expected: [number, RegExp][] = [
      [
        1,
        /as a checkpoint of sgrvinod: it has no "decoder\.attention\.encoder_att\.weight"; it has resnet\.conv1\.weight, /,
      ],
      [
        1,
        /it should be a dictionary of words with their ids, as JSON or as a pickle, it is a dictionary of 2/,
      ],
      [1, /"decoder\.fc\.weight" has rows for 34 words, the vocabulary has 5: name the vocabulary/],
      [1, /the encoder of .* as a checkpoint of yunjey: it has no|"linear\.weight" .* should be/],
      [2, /name the WORDMAP json of its training with --words/],
      [2, /--from weights takes one FILE/],
      [1, /WORDMAP\.json: /],
      [1, /it is resnet18 \+ show_tell, relu; that tutorial has ResNets with attend, .* use --to pth/],
    ];
    expected.forEach(([code, message], i) => {
      assert.match(wrong[i].stderr, message);
      assert.equal(wrong[i].code, code, wrong[i].stderr);
      assert.match(wrong[i].stderr, /^Cannot /m);
    });
  });

  it("lend their encoders: import without --from keeps the tensors under plain names", async () => {
    const { code, stdout } = await task("import", `${dir}/encoder.ckpt`, "--data", dir);
    assert.equal(code, 0);
    assert.match(stdout, /weights\/encoder\.safetensors: 127 tensors, /);
    const { tensors } = parseSafetensors(Deno.readFileSync(`${dir}/weights/encoder.safetensors`), "encoder");
    assert.deepEqual([...tensors.get("resnet.layer2.0.downsample.0.weight")!.shape], [128, 64, 1, 1]);
  });
});

describe("a vocabulary of others", () => {
  const json = (value: unknown) => parseWordMap(new TextEncoder().encode(JSON.stringify(value)), "w.json");
  const special = { "<pad>": 0, "<unk>": 2, "<start>": 3, "<end>": 4 };

  it("comes into our order", () => {
    const { words, theirIds } = wordOrder(json({ b: 5, a: 1, ...special }), "w.json");
    assert.deepEqual(words, ["a", "b"]);
    assert.deepEqual(theirIds, [0, 3, 4, 2, 1, 5]);
  });

  it("with gaps, doubles or missing words is refused", () => {
    const refused = (value: unknown, message: RegExp) =>
      assert.throws(() => wordOrder(json(value), "w.json"), { name: "RangeError", message });
    refused({ a: 0 }, /<pad>, <start>, <end>, <unk> missing/);
    refused({ a: 7, ...special }, /"a" has the id 7, but there are 5 words/);
    refused({ a: 3, ...special }, /have the same id 3/);
    assert.throws(() => json({ a: 1.5 }), {
      name: "SyntaxError",
      message: /dictionary of words with their ids/,
    });
    assert.throws(() => json([1]), { name: "SyntaxError", message: /it is the string "1"/ });
    const text = (words: string) => parseWordMap(new TextEncoder().encode(words), "w.txt");
    assert.throws(() => text("a dog"), {
      name: "SyntaxError",
      message: /w\.txt: it is neither JSON nor a pickle/,
    });
    assert.throws(() => text('{"a": 1'), {
      name: "SyntaxError",
      message: /w\.txt: it begins as JSON, but is not/,
    });
  });
});
