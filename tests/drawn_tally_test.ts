/** What several processes have drawn adds up to what one would have drawn. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { cutRows } from "../lib/data/parts.ts";
import type { Caption } from "../lib/models/beam_history.ts";
import { ALONE } from "../lib/train/communicator.ts";
import { type DrawnPart, tallyDrawn } from "../lib/train/drawn_tally.ts";

const [SAMPLES, SIZE] = [2, { pictures: 5, maxLength: 4 }];

/** Captions of different lengths: of the first picture 4 words and none, which fills the room and leaves it empty. */
const DRAWN = Array.from(
  { length: SIZE.pictures },
  (_, i) =>
    Array.from({ length: SAMPLES }, (_, s): Caption => {
      const ids = Array.from({ length: (4 + 3 * i + 4 * s) % 5 }, (_, t) => 2 + i + s + t);
      const logProbabilities = ids.map((id) => -1 / id);
      return { ids, logProbabilities, score: 0, final: 0, finished: true, alphas: [] };
    }),
);

/** What one of `size` processes has drawn. */
function partOf(rank: number, size: number): DrawnPart {
  const [range] = cutRows(SIZE.pictures, { rank, size });
  const drawn = DRAWN.slice(range.first, range.first + range.count);
  const reward = (i: number, s: number) => 0.1 + (range.first + i) * SAMPLES + s;
  const own = drawn.flatMap((captions, i) => captions.map((_, s) => reward(i, s)));
  return { drawn, rewards: Float64Array.of(...own, ...drawn.map((_, i) => -reward(i, 0))), range };
}

describe("what is drawn in a step", () => {
  const alone = tallyDrawn(ALONE, partOf(0, 1), SIZE);

  it("is counted", () => {
    assert.deepEqual(alone.firstCaptions, DRAWN.map(([{ ids }]) => ids));
    assert.equal(alone.words, DRAWN.flat().reduce((sum, { ids }) => sum + ids.length, 0));
    assert.ok(Math.abs(alone.reward - 4.6) < 1e-12 && Math.abs(alone.greedyReward + 4.1) < 1e-12);
  });

  it("is the same for two, three and seven processes, of which some have no picture", () => {
    for (const size of [2, 3, 7]) {
      const message = new Float64Array(6 + SIZE.pictures * SIZE.maxLength);
      const sum = (data: Float32Array | Float64Array) =>
        data.set(message.map((x, i) => message[i] = x + data[i]));
      const tallies = Array.from(
        { length: size },
        (_, rank) => tallyDrawn({ ...ALONE, rank, size, sum }, partOf(rank, size), SIZE),
      );
      const { reward, greedyReward, logProbability, ...exact } = tallies.at(-1)!; // the last has all of it
      const { reward: a, greedyReward: b, logProbability: c, ...want } = alone;
      assert.deepEqual(exact, want);
      [reward - a, greedyReward - b, logProbability - c].forEach((off) => assert.ok(Math.abs(off) < 1e-12));
    }
  });
});
