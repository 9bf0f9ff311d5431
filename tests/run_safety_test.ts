// This module runs in Deno only.
/** The parts that keep a run from being lost: checksums, locks, checkpoints, the watch on the loss, the best model. */
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import type { Batch } from "../lib/data/batches.ts";
import { parseSafetensors, type SafetensorsFile, serialiseSafetensors } from "../lib/data/safetensors.ts";
import { checkSeal, sealed } from "../lib/data/seal.ts";
import { loadCheckpoint, runFiles, saveCheckpoint } from "../lib/deno/checkpoints.ts";
import { lockRun } from "../lib/deno/run_lock.ts";
import { hash32 } from "../lib/random.ts";
import { captionWarnings } from "../lib/train/caption_warnings.ts";
import type { CaptionHabits } from "../lib/train/collapse.ts";
import { LossWatch } from "../lib/train/loss_watch.ts";
import { type RunHooks, runTraining } from "../lib/train/run.ts";
import { BEST_BY, RunProgress } from "../lib/train/run_state.ts";
import type { Reading } from "../lib/train/trainer.ts";
import { usualValidationSteps } from "../lib/train/validate.ts";

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
});

const reading = (step: number, crossEntropy: number, more: Partial<Reading> = {}): Reading => ({
  step,
  loss: crossEntropy,
  crossEntropy,
  gradNorm: 1,
  learningRate: 1,
  ...more,
});

describe("the watch on the loss", () => {
  /** How many of some cross entropies it takes until it says that the loss has exploded; Infinity: never. */
  function explodesAfter(values: readonly number[], watch = new LossWatch()): number {
    for (const [i, value] of values.entries()) {
      watch.add([reading(i + 1, value)]);
      if (watch.exploded) return i + 1;
    }
    return Infinity;
  }
  const noisy = (count: number, level: (i: number) => number) =>
    Array.from({ length: count }, (_, i) => level(i) * (0.6 + 0.8 * (hash32(9, i) % 1000) / 1000));

  it("lets a run learn, however noisily, with odd batches, from any height", () => {
    assert.equal(explodesAfter(noisy(500, (i) => 9 * Math.exp(-i / 60) + 0.05)), Infinity);
    const odd = noisy(300, () => 2).map((value, i) =>
      i % 11 < 9 && i > 100 && i % 7 !== 0 ? value * 5 : value
    );
    assert.equal(explodesAfter(odd), Infinity, "never ten in a row");
    assert.equal(
      explodesAfter(noisy(300, () => 0.02).map((value, i) => i > 200 ? value + 0.9 : value)),
      Infinity,
    );
  });

  it("sees losses that are not finite, and losses far above the usual for ten steps, from the start on", () => {
    assert.equal(explodesAfter([3, 2, NaN, NaN, 2, NaN, Infinity, NaN, 2]), 8);
    const usual = noisy(150, () => 2);
    assert.equal(explodesAfter([...usual, ...noisy(20, () => 12)]), 160);
    assert.equal(explodesAfter([3, ...noisy(20, () => 40)]), 11);
    const mixed = [20, 20, NaN, 20, NaN, NaN, 20, 20, 20, 20];
    assert.equal(explodesAfter([...usual, ...mixed]), 156, "three that are not finite among high ones");
  });

  it("tells the step, its pictures, and what is usual", () => {
    const watch = new LossWatch([2, 2, 2, 2]);
    for (let step = 1; step <= 10; step++) {
      watch.expect(step, [100 + step, 7]);
      watch.add([reading(step, 30)]);
    }
    assert.equal(
      watch.describe(),
      "the cross entropy was above 6.00 nats/word, far from the usual 2.00, in 10 steps in a row; at step 10 it was " +
        "30.00 nats/word, its images 110, 7",
    );
  });

  it("goes on from what it has seen as if it had not been interrupted", () => {
    const values = [...noisy(130, () => 2), ...noisy(12, () => 12)];
    const whole = explodesAfter(values);
    const first = new LossWatch();
    explodesAfter(values.slice(0, 57), first);
    const second = new LossWatch(JSON.parse(JSON.stringify(first.recent)));
    assert.equal(57 + explodesAfter(values.slice(57), second), whole);
    assert.equal(whole, 140);
  });

  it("takes a half-precision overflow for what it is while the loss scale can still go down", () => {
    const overflows = (lossScale: number) => {
      const watch = new LossWatch();
      for (let step = 1; step <= 5; step++) {
        watch.add([reading(step, 2, { gradNorm: Infinity, extra: { lossScale, skipped: step } })]);
      }
      return watch.exploded;
    };
    assert.deepEqual([overflows(1024), overflows(1)], [false, true]);
  });
});

describe("a run whose loss explodes", () => {
  /** A trainer whose loss explodes at step 17 as long as its learning rate is not below `bearable`. */
  function explosive(bearable: number) {
    let readings: Reading[] = [];
    const trainer = {
      steps: 0,
      rate: 1,
      get unread() {
        return readings.length;
      },
      step() {
        trainer.steps++;
        const bad = trainer.steps >= 17 && trainer.rate >= bearable;
        readings.push(reading(trainer.steps, bad ? 50 : 2));
      },
      readings() {
        const all = readings;
        readings = [];
        return Promise.resolve(all);
      },
    };
    return trainer;
  }
  const loader = {
    stepsPerEpoch: 5,
    *from({ epoch, step }: { epoch: number; step: number }): Generator<Batch, never> {
      for (let at = epoch * 5 + step;; at++) yield { imageIds: [at] } as unknown as Batch; // no more is looked at
    },
  };

  /** Runs it, stopped and gone on with at some steps, and returns what happened. */
  async function run(bearable: number, stops: readonly number[] = []) {
    const trainer = explosive(bearable);
    const events: string[] = [];
    const left = [...stops];
    let newest = { step: 0, inTurn: true, recentLosses: [] as readonly number[] };
    let inTurn = newest;
    const hooks: RunHooks = {
      log: () => Promise.resolve(),
      validate: (step) => Promise.resolve(void events.push(`validate ${step}`)),
      checkpoint(step, context) {
        newest = { step, ...context };
        if (context.inTurn) inTurn = newest;
        return Promise.resolve();
      },
      pause() {
        if (trainer.steps !== left[0]) return Promise.resolve(false);
        left.shift();
        return Promise.resolve(true);
      },
      rollBack({ step, reason }) {
        if (trainer.rate < 0.2) throw new RangeError(reason);
        events.push(`back from ${step} to ${inTurn.step}`);
        trainer.steps = inTurn.step;
        trainer.rate /= 2;
        newest = inTurn;
        return Promise.resolve(inTurn.recentLosses);
      },
    };
    for (;;) {
      trainer.steps = newest.step;
      const { recentLosses } = newest;
      const options = {
        steps: 40,
        logEvery: 1,
        validateEvery: 15,
        checkpointDue: (step: number) => step % 4 === 0,
      };
      const end = await runTraining(trainer, loader, { ...options, recentLosses, validated: 15, hooks });
      if (end.complete) return { events, end };
    }
  }

  it("goes back to the last checkpoint in turn before it, as often as it must", async () => {
    const once = ["validate 15", "back from 26 to 16"];
    const { events, end } = await run(1);
    assert.deepEqual(events, [...once, "validate 30", "validate 40"]);
    assert.deepEqual(end, { step: 40, complete: true, saved: 40 });
    assert.deepEqual((await run(0.5)).events, [...once, once[1], "validate 30", "validate 40"]);
    await assert.rejects(run(0), /above 6\.00 nats\/word, far from the usual 2\.00, in 10 steps/);
  });

  it("goes back to the same one wherever it was stopped before or meanwhile", async () => {
    const { events } = await run(0.5);
    assert.deepEqual((await run(0.5, [14, 19, 22, 24, 29])).events, events);
  });

  it("is not saved while its loss is odd, and does not end on such a loss", async () => {
    const trainer = explosive(1);
    const saved: number[] = [];
    const stoppedAt = (stop: number) =>
      runTraining(trainer, loader, {
        steps: 18,
        logEvery: 5,
        validateEvery: 100,
        checkpointDue: (step) => step % 6 === 0,
        hooks: {
          log: () => Promise.resolve(),
          validate: () => Promise.resolve(),
          checkpoint: (step) => Promise.resolve(void saved.push(step)),
          pause: () => Promise.resolve(trainer.steps === stop),
        },
      });
    assert.deepEqual(await stoppedAt(17), { step: 17, complete: false, saved: 12 });
    assert.deepEqual(saved, [0, 6, 12]);
    trainer.steps = 0;
    await assert.rejects(
      stoppedAt(-1),
      /in 2 steps in a row; at step 18 it was 50\.00 nats\/word, its images 17;/,
    );
  });
});

describe("the best model", () => {
  const judge = (progress: RunProgress, scores: readonly (readonly [number, number])[]) =>
    scores.map(([CIDEr, crossEntropy], i) => progress.judge(10 * (i + 1), { CIDEr, crossEntropy }));

  it("is chosen by CIDEr-D, and by the cross entropy where that is equal or was asked for", () => {
    const scores = [[0, 5], [0, 4], [0, 6], [0.3, 4], [0.2, 1], [0.3, 3]] as const;
    const progress = new RunProgress("cider");
    assert.deepEqual(judge(progress, scores), [true, true, false, true, false, true]);
    assert.deepEqual([progress.best, progress.bestScores], [0.3, { step: 60, CIDEr: 0.3, crossEntropy: 3 }]);
    assert.deepEqual(judge(new RunProgress("cross-entropy"), scores), [
      true,
      true,
      false,
      false,
      true,
      false,
    ]);
  });

  it("is the last, whatever its scores, where that was asked for", () => {
    const progress = new RunProgress("last");
    assert.deepEqual(judge(progress, [[0.3, 1], [0, 9]]), [true, true]);
    assert.deepEqual(progress.bestScores, { step: 20, CIDEr: 0, crossEntropy: 9 });
  });

  it("counts the validations since CIDEr-D last rose, whatever it is chosen by, from the first above 0 on", () => {
    for (const bestBy of BEST_BY) {
      const progress = new RunProgress(bestBy);
      const stale = [0, 0, 0.2, 0.2, 0.1, 0.3, 0.1].map((CIDEr, i) => {
        judge(progress, [[CIDEr, 5 - i]]);
        return progress.stale;
      });
      assert.deepEqual(stale, [0, 0, 0, 1, 2, 0, 1]);
      const other = new RunProgress(bestBy);
      other.restore(JSON.parse(JSON.stringify({ step: 70, ...progress.state })));
      assert.deepEqual(other.state, progress.state);
    }
  });
});

describe("validation", () => {
  const habits = (more: Partial<CaptionHabits> = {}) => ({
    badEndings: 0,
    repeats: 0,
    length: 9,
    unique: 1,
    ...more,
  });
  const warn = (found: Partial<CaptionHabits>, { pictures = 100, unknownWords = 0 } = {}) =>
    captionWarnings({ pictures, habits: habits(found), references: habits(), unknownWords }).join("\n");

  it("has nothing to say of captions that differ, end, and can be written", () => {
    assert.equal(warn({ unique: 0.3, badEndings: 0.05 }, { unknownWords: 0.02 }), "");
  });

  it("warns of one caption for every picture, of broken ones and of words it cannot write, and says what to do", () => {
    assert.match(
      warn({ unique: 0.01 }),
      /^all 100 pictures get the same caption, .* have 100: .*deno task plot/,
    );
    assert.match(
      warn({ unique: 0.05 }),
      /^100 pictures get 5 different captions, the references have 100: the model/,
    );
    assert.match(
      warn({ badEndings: 0.5 }),
      /^50 % of the captions break off, 0 % of the references do: train longer/,
    );
    assert.match(
      warn({}, { unknownWords: 0.2 }),
      /^20 % of the held-out captions' words are not .* --min-count/,
    );
  });

  it("speaks of few pictures only where all get the same caption", () => {
    assert.match(warn({ unique: 1 / 5 }, { pictures: 5 }), /^all 5 pictures get the same caption/);
    assert.equal(warn({ unique: 2 / 20, badEndings: 0.5 }, { pictures: 20 }), "");
    assert.equal(warn({ unique: 1 / 3 }, { pictures: 3, unknownWords: 0.5 }), "");
  });

  it("comes after an epoch, or after those of a small set that make a hundred steps", () => {
    assert.deepEqual([1, 3, 24, 99, 100, 2589].map(usualValidationSteps), [100, 102, 120, 198, 100, 2589]);
  });
});
