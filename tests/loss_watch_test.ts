// This module runs in Deno only.
/** The watch on the loss, and what a run does when it explodes. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import type { Batch } from "../lib/data/batches.ts";
import { hash32 } from "../lib/random.ts";
import { LossWatch } from "../lib/train/loss_watch.ts";
import { type RunHooks, runTraining } from "../lib/train/run.ts";
import type { Reading } from "../lib/train/trainer.ts";

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
    const wide = Array.from({ length: 100 }, (_, i) => i % 2 === 0 ? 1 : 3); // 2 ± 1: up to 10 is within the noise
    assert.equal(explodesAfter([...wide, ...Array.from({ length: 20 }, () => 9.9)]), Infinity);
    assert.equal(explodesAfter([...wide, ...Array.from({ length: 20 }, () => 10.1)]), 110);
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
