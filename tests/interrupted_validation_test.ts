// This module runs in Deno only.
/** A run that is interrupted while it validates. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import type { Batch, BatchLoader } from "../lib/data/batches.ts";
import { runTraining } from "../lib/train/run.ts";
import type { Trainer } from "../lib/train/trainer.ts";

describe("a run that is interrupted in the middle of a validation", () => {
  /** Counts steps; what it is given is not looked at. */
  function fakes() {
    const trainer = { steps: 0, unread: 0, step: () => trainer.steps++, readings: () => Promise.resolve([]) };
    const batch = { imageIds: [] } as unknown as Batch;
    const loader = {
      stepsPerEpoch: 4,
      *from(): Generator<Batch, never> {
        for (;;) yield batch;
      },
    };
    // runTraining uses no more of the two than this
    return {
      trainer: trainer as unknown as Trainer & { steps: number },
      loader: loader as unknown as BatchLoader,
    };
  }

  it("saves, and makes up for the validation before it goes on", async () => {
    const { trainer, loader } = fakes();
    const events: string[] = [];
    const run = (finish: boolean, validated?: number) =>
      runTraining(trainer, loader, {
        steps: 6,
        logEvery: 2,
        validateEvery: 3,
        checkpointDue: () => false,
        validated,
        hooks: {
          log: () => Promise.resolve(),
          validate(step) {
            events.push(`validate ${step}`);
            return Promise.resolve(finish);
          },
          checkpoint(step) {
            events.push(`save ${step}`);
            return Promise.resolve();
          },
          pause: () => Promise.resolve(false),
        },
      });
    assert.deepEqual(await run(false), { step: 3, complete: false, saved: 3 });
    assert.deepEqual(events.splice(0), ["save 0", "validate 3", "save 3"]);
    assert.deepEqual(await run(true, 0), { step: 6, complete: true, saved: 6 });
    assert.deepEqual(events.splice(0), ["validate 3", "validate 6", "save 6"]);
    assert.deepEqual(await run(true, 6), { step: 6, complete: true, saved: 6 });
    assert.deepEqual(events, [], "a run that is done has nothing to do");
  });
});
