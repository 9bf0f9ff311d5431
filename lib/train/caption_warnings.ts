// This module is browser compatible.
/** What validation captions look like when a training goes wrong, and what to do then. */

import { wholePercent } from "../text/percent.ts";
import type { CaptionHabits } from "./collapse.ts";

/** Pictures too few to speak of shares. */
const LEAST_PICTURES = 32;
/** Pictures from which on one caption for all of them says something. */
const LEAST_ALIKE = 4;
/** Pictures whose captions hold words enough to count those that are unknown. */
const LEAST_READ = 8;
/** How much of the references' variety must be left. Models say the usual thing: half would be too much to ask. */
const LEAST_VARIETY = 0.1;
/** How much larger than among the references the share of captions that break off may be. */
const MORE_BAD_ENDINGS = 0.1;
/** Share of the references' words that the vocabulary may lack. COCO's with a minimum count of 5: 0.007. */
const MOST_UNKNOWN = 0.1;

/** What is known of validation captions. */
export interface CaptionFacts {
  readonly pictures: number;
  readonly habits: CaptionHabits;
  /** Of one reference a picture. */
  readonly references: CaptionHabits;
  /** Words of the references that the vocabulary lacks, as a share. */
  readonly unknownWords: number;
}

/** What is wrong, a sentence each, with what to do. */
export function captionWarnings(facts: CaptionFacts): string[] {
  const { pictures, habits, references, unknownWords } = facts;
  const warnings: string[] = [];
  const different = Math.round(habits.unique * pictures);
  const truly = Math.round(references.unique * pictures);
  const few = pictures < LEAST_PICTURES;
  const alike = different === 1 && pictures >= LEAST_ALIKE && truly > 1;
  if (alike || (!few && different < LEAST_VARIETY * truly)) {
    const what = different === 1
      ? `all ${pictures} pictures get the same caption`
      : `${pictures} pictures get ${different} different captions`;
    warnings.push(
      `${what}, the references have ${truly}: the model writes without looking. That is usual at first; if it stays, ` +
        `train longer or with a lower --learning-rate, and see with \`deno task plot\` that captions fit their pictures`,
    );
  }
  if (!few && habits.badEndings > references.badEndings + MORE_BAD_ENDINGS) {
    warnings.push(
      `${wholePercent(habits.badEndings)} of the captions break off, ${
        wholePercent(references.badEndings)
      } of the ` +
        `references do: train longer, or with a lower --learning-rate`,
    );
  }
  if (unknownWords > MOST_UNKNOWN && pictures >= LEAST_READ) {
    warnings.push(
      `${
        wholePercent(unknownWords)
      } of the held-out captions' words are not in the vocabulary, no caption can say them: ` +
        `lower --min-count, or split captions into other --words`,
    );
  }
  return warnings;
}
