/** Which model is the best, and what a validation says. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { captionWarnings } from "../lib/train/caption_warnings.ts";
import type { CaptionHabits } from "../lib/train/collapse.ts";
import { BEST_BY, RunProgress } from "../lib/train/run_state.ts";
import { usualValidationSteps } from "../lib/train/validate.ts";

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
