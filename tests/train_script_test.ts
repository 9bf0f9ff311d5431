// This module runs in Deno only.
/** `train` at the command line: what a run writes, and how it is interrupted, killed, damaged and gone on with. */
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { parseSafetensors } from "../lib/data/safetensors.ts";
import { type Coco, signalTask, task, TINY, writeCoco } from "./commands.ts";
import { FIXTURES, lacksFixture } from "./fixtures.ts";

let dir = "";
let coco: Coco;

/** A run of 120 steps with logs, validations and checkpoints at different steps. */
const RUN = ["--steps", "120", "--log-every", "4", "--validate-every", "25", "--checkpoint-every", "10"]
  .concat("--captions", "first", "--learning-rate", "0.01");
// the held-out picture's other captions get worse and worse

/** Arguments of a training in the folder `out`. */
function trainInto(out: string, ...more: string[]): string[] {
  return [...TINY, "--annotations", `${dir}/captions.json`, "--images", `${dir}/photos`]
    .concat("--data", `${dir}/data`, "--out", `${dir}/${out}`, ...more);
}

const train = (out: string, ...more: string[]) => task("train", ...trainInto(out, ...more));

interface Line {
  readonly step: number;
  readonly split?: string;
  readonly loss?: number;
  readonly crossEntropy: number;
}

function metrics(out: string): Line[] {
  const text = Deno.readTextFileSync(`${dir}/${out}/metrics.jsonl`);
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

/** Whether a file holds these bytes. (assert.deepEqual would take minutes to describe how millions of them differ.) */
function sameBytes(path: string, bytes: Uint8Array): boolean {
  const found = Deno.readFileSync(`${dir}/${path}`);
  return found.length === bytes.length && found.every((byte, i) => byte === bytes[i]);
}

/** Asserts that a run came to the same end as one that was never disturbed. */
function assertSameEnd(out: string): void {
  const number = (
    { step, split, loss, crossEntropy }: Line,
  ) => [`${split ?? "train"} ${step}`, loss, crossEntropy];
  const expected = metrics("whole").map(number);
  const found = metrics(out).map(number);
  assert.equal(new Set(found.map(([name]) => name)).size, found.length, "no step is logged twice");
  const wanted = new Set(expected.map(([name]) => name));
  assert.deepEqual(found.filter(([name]) => wanted.has(name)), expected); // it may have logged where it was stopped
  for (const file of ["model.safetensors", "checkpoint.safetensors"]) {
    assert.ok(sameBytes(`${out}/${file}`, Deno.readFileSync(`${dir}/whole/${file}`)), `${file} differs`);
  }
}

const exists = (path: string) =>
  Deno.readDirSync(dir + path.slice(0, path.lastIndexOf("/")))
    .some(({ name }) => path.endsWith(`/${name}`));

describe("train", () => {
  beforeAll(async () => {
    dir = await Deno.makeTempDir();
    coco = await writeCoco(dir);
    const { code, stderr } = await train("whole", ...RUN);
    assert.equal(code, 0, stderr);
    const few =
      /whole\/model\.safetensors is of step \d+, .* are few to tell: that of step 120 is in .*\/checkpoint\.safeten/;
    assert.match(stderr, few);
  });
  afterAll(() => Deno.remove(dir, { recursive: true }));

  it("writes a log line and a line of metrics for people and for machines", async () => {
    const [first, ...rest] = metrics("whole");
    const keys = [
      "step",
      "epoch",
      "loss",
      "crossEntropy",
      "gradNorm",
      "learningRate",
      "ms",
      "imagesPerSecond",
    ];
    assert.deepEqual(Object.keys(first), keys);
    const validations = rest.filter(({ split }) => split === "val");
    assert.deepEqual(validations.map(({ step }) => step), [25, 50, 75, 100, 120]);
    const { metadata } = parseSafetensors(Deno.readFileSync(`${dir}/whole/model.safetensors`), "model");
    const best = validations.toSorted((a, b) => a.crossEntropy - b.crossEntropy)[0];
    assert.equal(
      JSON.parse(metadata.showtell).step,
      best.step,
      "the model is the best, the checkpoint the newest",
    );
    assert.ok(best.step < 100, "tests below resume behind the best step");
    const { code, stdout, stderr } = await train("short", "--steps", "3", "--json");
    assert.equal(code, 0);
    assert.deepEqual(Object.keys(JSON.parse(stdout)), ["model", "step", "best", "words"]);
    assert.match(stderr, /^training on CPU .*, seed 1, into /);
    assert.match(
      stderr,
      /\nstep 3 \| epoch \S+ \| loss \S+ \| cross entropy \S+ nats\/word \|.* ms \| \d+ images\/s\n/,
    );
    assert.match(stderr, /deno task caption --model .*short\/model\.safetensors/);
    assert.match(stderr, /\n3 steps of 4 captions, \S+ epochs?\n3 steps are few: .* --steps N takes more\n/);
  });

  it("trains into --data where no --out is given, so that caption finds the model there", async () => {
    const into = [
      "--data",
      `${dir}/alone`,
      "--steps",
      "2",
      "--validate-every",
      "1",
      "--json",
      "--best-by",
      "last",
    ];
    const photos = ["--annotations", `${dir}/captions.json`, "--images", `${dir}/photos`];
    const { stdout, stderr } = await task("train", ...TINY, ...photos, ...into);
    assert.doesNotMatch(stderr, /are few to tell/);
    assert.equal(JSON.parse(stdout).model, `${dir}/alone/model.safetensors`);
  });

  it("saves at Ctrl-C, says how to go on, and goes on as if nothing had been", async () => {
    const stopped = await signalTask("train", trainInto("stopped", ...RUN), {
      signal: "SIGINT",
      when: /^step 8 /m,
    });
    assert.equal(stopped.code, 130);
    assert.match(
      stopped.stderr,
      /interrupted at step \d+ of 120, saved at \d+; the same command with --resume goes on\n$/,
    );
    const again = await signalTask("train", trainInto("stopped", ...RUN, "--resume"), {
      signal: "SIGTERM",
      when: /^step 48 /m,
    });
    assert.match(again.stderr, /\nresumed at step \d+ of 120 from .*checkpoint\.safetensors\n/);
    assert.equal(again.code, 130);
    assert.equal((await train("stopped", ...RUN, "--resume")).code, 0);
    assertSameEnd("stopped");
  });

  it("goes on to more steps where the learning rate does not depend on their number", async () => {
    const longer = await train("short", "--steps", "5", "--resume");
    assert.equal(longer.code, 0, longer.stderr);
    assert.match(longer.stderr, /resumed at step 3 of 5/);
    assert.deepEqual(metrics("short").map(({ step }) => step), [3, 3, 5, 5]);
  });

  it("refuses to go on from nothing, from damage, or with another recipe, and names what differs", async () => {
    await Deno.mkdir(`${dir}/damaged`);
    await Deno.writeTextFile(`${dir}/damaged/checkpoint.safetensors`, "not a checkpoint at all");
    const refused: [RegExp, ...string[]][] = [
      [/Cannot resume: there is no .*nowhere\/checkpoint\.safetensors/, "nowhere"],
      [/damaged\/checkpoint\.safetensors: it is not a safetensors file/, "damaged"],
      [/trained with clipNorm 5, this run has 1/, "whole", "--clip-norm", "1"],
      [/trained with dropout 0\.5, this run has 0\.1/, "whole", "--dropout", "0.1"],
    ];
    for (const [message, out, ...more] of refused) {
      const { code, stderr } = await train(out, ...RUN, "--resume", ...more);
      assert.equal(code, 1);
      assert.match(stderr, message);
    }
  });

  it("overwrites no run and no model unasked, and with --fresh only once the new one can start", async () => {
    await Deno.mkdir(`${dir}/old`);
    await Deno.copyFile(`${dir}/whole/model.safetensors`, `${dir}/old/model.safetensors`);
    const model = await train("old", "--steps", "1");
    assert.deepEqual([model.code, metrics("whole").length > 0], [1, true]);
    assert.match(model.stderr, /Cannot start a run in .*old\/model\.safetensors is there, add --fresh/);
    await Deno.copyFile(`${dir}/whole/checkpoint.safetensors`, `${dir}/old/checkpoint.safetensors`);
    const run = await train("old", "--steps", "1");
    assert.equal(run.code, 1);
    assert.match(
      run.stderr,
      /checkpoint\.safetensors is there, add --resume to go on with it, --fresh to replace/,
    );
    const broken = await task(
      "train",
      ...trainInto("old", "--fresh").toSpliced(TINY.length + 1, 1, `${dir}/none.json`),
    );
    assert.equal(broken.code, 1);
    assert.ok(exists("/old/checkpoint.safetensors"), "the old run is still there");
    const fresh = await train("old", "--fresh", "--steps", "1");
    assert.equal(fresh.code, 0, fresh.stderr);
    assert.deepEqual(metrics("old").map(({ step }) => step), [1, 1]);
    const { metadata } = parseSafetensors(
      Deno.readFileSync(`${dir}/old/checkpoint.previous.safetensors`),
      "old",
    );
    assert.equal(JSON.parse(metadata.run).step, 0, "nothing of the old run is left to resume from");
  });

  it("keeps the last checkpoint when the next cannot be written", async () => {
    const checkpoint = "/short/checkpoint.safetensors";
    await Deno.mkdir(`${dir}${checkpoint}.next/file`, { recursive: true });
    const before = Deno.readFileSync(dir + checkpoint);
    const { code, stderr } = await train("short", "--steps", "7", "--resume");
    assert.equal(code, 1);
    assert.match(
      stderr,
      /Cannot write .*short\/checkpoint\.safetensors\.next .*; the checkpoint of step 5 is whole: mend this, and/,
    );
    assert.ok(sameBytes(checkpoint, before));
  });

  it("counts and names what it leaves out, and trains on the rest", async () => {
    const odd: Coco = {
      images: [...coco.images, { id: 1, file_name: "uncaptioned.jpg" }, { id: 2, file_name: "missing.jpg" }],
      annotations: [...coco.annotations, { id: 900, image_id: 2, caption: "Lost." }, {
        id: 901,
        image_id: 3,
        caption: "Of no picture.",
      }],
    };
    await Deno.mkdir(`${dir}/odd`);
    for await (const { name } of Deno.readDir(`${dir}/photos`)) {
      await Deno.copyFile(`${dir}/photos/${name}`, `${dir}/odd/${name}`);
    }
    await Deno.writeTextFile(`${dir}/odd/100.jpg`, "<!doctype html><title>Gone</title>");
    await Deno.copyFile(`${dir}/photos/101.jpg`, `${dir}/odd/spare.jpg`);
    await Deno.writeTextFile(`${dir}/odd.json`, JSON.stringify(odd));
    const args = trainInto("odd_run", "--steps", "2").toSpliced(TINY.length + 1, 1, `${dir}/odd.json`)
      .toSpliced(TINY.length + 3, 1, `${dir}/odd`);
    const { code, stderr } = await task("train", ...args);
    assert.equal(code, 0, stderr);
    for (
      const line of [
        /1 captions without a picture: 3\n/,
        /1 pictures without captions: uncaptioned\.jpg\n/,
        /1 pictures that are not in .*odd: missing\.jpg\n/,
        /1 files in .*odd without captions: spare\.jpg\n/,
        /1 pictures cannot be decoded and are left out:\n +100\.jpg: .* HTML page/,
        /train: 10 pictures, 20 captions\nval: 1 picture, 2 captions\n/,
      ]
    ) assert.match(stderr, line);
  });

  it("trains on one picture, and with batches larger than the set", async () => {
    const one = { images: coco.images.slice(0, 1), annotations: coco.annotations.slice(0, 2) };
    await Deno.writeTextFile(`${dir}/one.json`, JSON.stringify(one));
    const args = trainInto("one", "--steps", "3").toSpliced(TINY.length + 1, 1, `${dir}/one.json`)
      .toSpliced(TINY.indexOf("--batch") + 1, 1, "1000");
    const { code, stderr } = await task("train", ...args);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /train: 1 picture, 2 captions\nval: 0 pictures, 0 captions\n/);
    assert.ok(exists("/one/model.safetensors"), "with nothing to validate on, the newest is the model");
  });

  it("stops when losses are no numbers: with the step, the pictures and the checkpoint to go back to", async () => {
    const args = ["--learning-rate", "1e30", "--steps", "30", "--log-every", "1", "--checkpoint-every", "1"];
    const { code, stderr } = await train("diverged", ...args);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /not finite in 3 steps in a row .*; at step 4 the loss was NaN, its images 1\d\d, .*gone back .* 3 times/,
    );
    const short = await train("diverged2", ...args.with(3, "2"));
    assert.equal(short.code, 1, "a run that ends on such a loss has not succeeded");
    assert.match(short.stderr, /not finite in 1 step in a row/);
  });

  it("learns from photographs", { ignore: lacksFixture("data/coco/photos") }, async () => {
    const source = `${FIXTURES}/data/coco`;
    const all: Coco = JSON.parse(await Deno.readTextFile(`${source}/captions_photos.json`));
    const images = all.images.slice(0, 8);
    const ids = new Set(images.map(({ id }) => id));
    const annotations = all.annotations.filter(({ image_id }) => ids.has(image_id));
    await Deno.writeTextFile(`${dir}/photos.json`, JSON.stringify({ images, annotations }));
    const args = trainInto("photos_run", "--steps", "40", "--learning-rate", "0.02", "--captions", "first")
      .concat("--dropout", "0", "--alpha-c", "0", "--val-share", "0", "--log-every", "2")
      .toSpliced(TINY.length + 1, 1, `${dir}/photos.json`).toSpliced(TINY.length + 3, 1, `${source}/photos`);
    const { code, stderr } = await task("train", ...args);
    assert.equal(code, 0, stderr);
    const losses = metrics("photos_run").map(({ crossEntropy }) => crossEntropy);
    assert.ok(losses[0] > 3 && losses.at(-1)! < 2.2, `from 3.7 nats a word to 1.7, is ${losses}`);
  });
});
