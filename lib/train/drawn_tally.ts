// This module is browser compatible.
/** What is known of the captions drawn in a step, by all processes that share its pictures. */

import type { RowRange } from "../data/parts.ts";
import type { Caption } from "../models/beam_history.ts";
import type { Communicator } from "./communicator.ts";

/** What one process has drawn. */
export interface DrawnPart {
  /** The captions of each of its pictures. */
  readonly drawn: readonly (readonly Caption[])[];
  /** Their rewards, a picture's in a row; then one of each picture's greedy caption, or nothing. */
  readonly rewards: Float64Array;
  /** Which of the step's pictures they are. */
  readonly range: RowRange;
}

/** How large a step is. */
export interface DrawnSize {
  /** Pictures of all processes together. */
  readonly pictures: number;
  /** Most words of a caption. */
  readonly maxLength: number;
}

/** Of all pictures of a step. */
export interface DrawnTally {
  /** Words drawn, ends included. */
  readonly words: number;
  /** Mean reward of the drawn captions, and of the greedy ones (NaN where there are none). */
  readonly reward: number;
  readonly greedyReward: number;
  /** Mean log-probability of a drawn word. */
  readonly logProbability: number;
  /** Ids of each picture's first caption. */
  readonly firstCaptions: readonly (readonly number[])[];
}

/** Sums in front of a message: words, captions, their rewards, greedy captions, theirs, log-probabilities. */
const SUMS = 6;

/**
 * Adds up what all processes have drawn: one message of some kilobytes.
 *
 * @param part What this one has drawn; borrowed pictures do not count.
 */
export function tallyDrawn(group: Communicator, part: DrawnPart, size: DrawnSize): DrawnTally {
  const { drawn, rewards, range } = part;
  const { pictures, maxLength } = size;
  const message = new Float64Array(SUMS + pictures * maxLength);
  if (!range.borrowed) {
    const captions = drawn.flat();
    const logs = captions.flatMap(({ logProbabilities }) => logProbabilities);
    const own = rewards.subarray(0, captions.length);
    const greedy = rewards.subarray(captions.length);
    message.set([logs.length, own.length, sumOf(own), greedy.length, sumOf(greedy), sumOf(logs)]);
    drawn.forEach(([{ ids }], i) => message.set(ids, SUMS + (range.first + i) * maxLength));
  }
  group.sum(message);
  const [words, captions, ofCaptions, greedy, ofGreedy, ofWords] = message;
  return {
    words,
    reward: ofCaptions / captions,
    greedyReward: ofGreedy / greedy,
    logProbability: ofWords / words,
    firstCaptions: Array.from({ length: pictures }, (_, i) => {
      const ids = Array.from(message.subarray(SUMS + i * maxLength, SUMS + (i + 1) * maxLength));
      const end = ids.indexOf(0); // padding is never drawn
      return end < 0 ? ids : ids.slice(0, end);
    }),
  };
}

function sumOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum;
}
