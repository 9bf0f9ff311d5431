// This module runs in Deno only.
/** The parts that keep a run from being lost: checksums, locks, checkpoints. */
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { parseSafetensors, type SafetensorsFile, serialiseSafetensors } from "../lib/data/safetensors.ts";
import { checkSeal, sealed } from "../lib/data/seal.ts";
import { loadCheckpoint, runFiles, saveCheckpoint } from "../lib/deno/checkpoints.ts";
import { readSafetensors } from "../lib/deno/model_disk.ts";
import { openRunFolder } from "../lib/deno/run_folder.ts";
import { RunKeeper } from "../lib/deno/run_keeper.ts";
import { lockRun } from "../lib/deno/run_lock.ts";
import { TrainLog } from "../lib/deno/train_log.ts";
import { checkpointDue } from "../lib/deno/training.ts";
import { CaptionModel } from "../lib/models/caption_model.ts";
import type { ModelInfo } from "../lib/models/model_file.ts";
import { hash32 } from "../lib/random.ts";
import { Trainer } from "../lib/train/trainer.ts";
import { WORDS } from "./small_model.ts";
import { CONFIG, exact, RECIPE } from "./small_training.ts";

/** A small file; `step` is in its run's state. */
function file(step = 0): SafetensorsFile {
  return {
    metadata: { showtell: "{}", run: JSON.stringify({ step }) },
    tensors: new Map([
      ["b", { dtype: "F32", shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, step) }],
      ["a", { dtype: "F16", shape: [2], data: Float32Array.of(0.5, 1 / 3) }],
      ["c", { dtype: "U8", shape: [3], data: Uint8Array.of(7, 8, 9) }],
    ]),
  };
}

async function bytesOf(contents: SafetensorsFile): Promise<Uint8Array> {
  return await new Blob(serialiseSafetensors(contents).map((part) => part.slice())).bytes();
}

describe("a file's checksum", () => {
  it("finds a flipped bit, wherever it is", async () => {
    const bytes = await bytesOf(await sealed(file(3)));
    const read = async (bytes: Uint8Array) => await checkSeal(parseSafetensors(bytes, "f"), "f");
    assert.equal(await read(bytes), true);
    // Its own key is the one place where a flip leaves a file that is merely without a checksum.
    const key = new TextDecoder("latin1").decode(bytes).indexOf('"checksum"');
    for (let at = 0; at < bytes.length; at++) {
      const flipped = bytes.slice();
      flipped[at] ^= 1 << hash32(1, at) % 8;
      if (at > key && at < key + 9) assert.notEqual(await read(flipped).catch(() => "refused"), true);
      // a space of the padding may become another kind of space, as of JSON: nothing is lost
      else if (bytes[at] === 0x20 && flipped[at] === 0x20) continue;
      else await assert.rejects(read(flipped), SyntaxError, `byte ${at}`);
    }
  });

  it("is the same for the same contents in any order, and other readers see metadata as before", async () => {
    const one = await sealed(file());
    const { metadata, tensors } = file();
    const other = await sealed({
      metadata: Object.fromEntries(Object.entries(metadata).reverse()),
      tensors: new Map([...tensors].reverse()),
    });
    assert.equal(other.metadata.checksum, one.metadata.checksum);
    assert.deepEqual(await sealed(one), one, "sealing twice changes nothing");
    assert.match(one.metadata.checksum, /^sha256:[0-9a-f]{64}$/);
    assert.equal(await checkSeal(file(), "old"), false, "a file without one is taken as it is");
  });
});

describe("a run's folder", () => {
  let dir = "";
  beforeAll(async () => void (dir = await Deno.makeTempDir()));
  afterAll(() => Deno.remove(dir, { recursive: true }));

  it("is locked by a process, with its id, until that gives it back or dies", async () => {
    const lock = await lockRun(dir);
    assert.equal(lock.left, undefined);
    await assert.rejects(lockRun(dir), {
      message:
        `Cannot start a run in ${dir}: process ${Deno.pid} is running one there, wait for it, stop it, or ` +
        "choose another folder with --out",
    });
    lock[Symbol.dispose]();
    await Deno.writeTextFile(`${dir}/run.lock`, "4242\n"); // as a killed process leaves it
    const taken = await lockRun(dir);
    assert.equal(taken.left, 4242);
    assert.equal(Deno.readTextFileSync(`${dir}/run.lock`), `${Deno.pid}\n`);
    taken[Symbol.dispose]();
    assert.deepEqual([...Deno.readDirSync(dir)], []);
  });

  it("keeps two checkpoints, the last in turn among them, and sets a damaged one aside", async () => {
    const { checkpoint, previous, damaged } = runFiles(dir);
    const stepOf = async (path: string) =>
      JSON.parse(parseSafetensors(await Deno.readFile(path), path).metadata.run).step;
    const steps = async () => [await stepOf(previous), await stepOf(checkpoint)];
    for (const step of [0, 10, 20]) await saveCheckpoint(dir, file(step));
    assert.deepEqual(await steps(), [10, 20]);
    await saveCheckpoint(dir, file(23), { keepNewest: true });
    await saveCheckpoint(dir, file(30), { keepNewest: false });
    assert.deepEqual(await steps(), [20, 30]);

    const bytes = await Deno.readFile(checkpoint);
    bytes[bytes.length - 2] ^= 4;
    await Deno.writeFile(checkpoint, bytes);
    const warnings: string[] = [];
    const found = await loadCheckpoint(dir, (message) => warnings.push(message));
    assert.equal(found?.path, previous);
    assert.match(warnings.join(), /checkpoint\.safetensors: it is damaged: .*; going on from .*previous/);
    await saveCheckpoint(dir, file(30));
    assert.deepEqual(await steps(), [20, 30], "the damaged one does not take the place of the good one");
    assert.deepEqual(await Deno.readFile(damaged), bytes);
    await Deno.writeFile(checkpoint, await bytesOf(file(40)));
    await Deno.remove(previous);
    await assert.rejects(loadCheckpoint(dir, () => {}), /it has no checksum/);
  });

  it("has a log without the steps and returns that come behind the checkpoint gone on from", async () => {
    const { metrics } = runFiles(dir);
    const lines = [
      '{"step":10,"loss":3}',
      '{"event":"rollback","step":5,"from":12,"rollbacks":1}',
      '{"step":10,"loss":2}',
      '{"event":"rollback","step":5,"from":20,"rollbacks":2}',
      '{"step":11,"loss":2}',
      '{"step":12,"lo',
    ];
    await Deno.writeTextFile(metrics, lines.join("\n"));
    await TrainLog.open(metrics, { resumed: { step: 10, rollbacks: 1 }, print: () => {} });
    assert.equal(await Deno.readTextFile(metrics), lines.slice(0, 3).map((line) => `${line}\n`).join(""));
    await TrainLog.open(metrics, { print: () => {} });
    assert.equal(await Deno.readTextFile(metrics), "", "a new run begins anew");
  });
});

describe("RunKeeper", () => {
  it("lets what was saved out of turn give way to the next, so that the last in turn stays", async () => {
    const out = await Deno.makeTempDir();
    const model = new CaptionModel(exact, CONFIG, { words: WORDS, seed: 3 });
    const info: ModelInfo = {
      config: CONFIG,
      words: Array.from({ length: WORDS - 4 }, (_, i) => `word${i}`),
      wordSource: "given",
      recipe: {},
      step: 0,
      scores: {},
      dataHash: "data",
    };
    const trainer = new Trainer(model, RECIPE);
    const folder = await openRunFolder({ out, resume: false, fresh: false });
    const { checkpoint, previous } = folder.files;
    const begin = () => new RunKeeper({ trainer, info }, folder, { bestBy: "last", validated: 0 });
    let keeper = begin();
    const save = async (step: number, inTurn: boolean) => {
      trainer.steps = step;
      await keeper.save(step, { inTurn, recentLosses: [step] });
    };
    const kept = async () => {
      const files = await Promise.all([previous, checkpoint].map((path) => readSafetensors(path)));
      return files.map(({ metadata }) => JSON.parse(metadata.run).step);
    };
    for (const step of [1, 10]) await save(step, true);
    assert.deepEqual(await kept(), [1, 10]);
    await save(13, false);
    assert.deepEqual(await kept(), [10, 13]);
    keeper = begin();
    await keeper.resume((await loadCheckpoint(out, assert.fail))!);
    assert.deepEqual([trainer.steps, keeper.recentLosses], [13, [13]]);
    await save(20, true);
    assert.deepEqual(await kept(), [10, 20], "13 gave way");
    await save(30, true);
    assert.deepEqual(await kept(), [20, 30]);
    const goBack = async (from: number) =>
      (await keeper.rollBack({ step: from, reason: "the loss is NaN" })).rollback;
    assert.equal((await goBack(31)).to, 30);
    assert.deepEqual(await kept(), [20, 30], "the same step, written anew");
    await save(33, false);
    assert.equal((await goBack(34)).to, 30, "not to 33, which is out of turn");
    assert.deepEqual(await kept(), [30, 30]);
    trainer.dispose();
    model.dispose();
    folder[Symbol.dispose]();
    await Deno.remove(out, { recursive: true });
  });
});

describe("checkpointDue()", () => {
  it("counts steps", () => {
    const due = checkpointDue("3");
    assert.deepEqual([1, 2, 3, 4, 5, 6, 7].filter(due), [3, 6]);
  });

  it("counts minutes from the first step on, and from each checkpoint", () => {
    const now = performance.now;
    let minutes = 5; // before the first step: datasets take their time
    performance.now = () => minutes * 60_000;
    try {
      const due = checkpointDue("10m");
      const asked = [7, 16.9, 17, 26.9, 30, 39, 40];
      assert.deepEqual(asked.filter((at, step) => (minutes = at, due(step))), [17, 30, 40]);
    } finally {
      performance.now = now;
    }
  });
});
