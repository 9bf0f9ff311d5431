// This module is browser compatible.
/** Signs that a reward is being gamed: captions that break off, repeat themselves, grow or all become one. */

import { lengths, repetition } from "../text/diversity.ts";
import { wholePercent } from "../text/percent.ts";
import { BAD_ENDINGS } from "../models/word_rules.ts";

/** How a set of captions looks from outside. */
export interface CaptionHabits {
  /** Share that breaks off: without an end, or behind a word that no caption ends with. */
  readonly badEndings: number;
  /** Share with three words twice. */
  readonly repeats: number;
  /** Mean length in words. */
  readonly length: number;
  /** Different captions as a share of the pictures. */
  readonly unique: number;
}

/** A caption in words, without special ones. */
export interface JudgedCaption {
  readonly words: readonly string[];
  /** Whether it came to its end. */
  readonly finished: boolean;
}

/** Captions too few to say anything of. */
const LEAST_CAPTIONS = 32;
/** How much larger a share may be than among the references; a model that mixes things up repeats them, too. */
const ABOVE = { badEndings: 0.1, repeats: 0.25 } as const;
/** How much shorter or longer than the references the captions may be. */
const LENGTHS = [0.7, 1.4] as const;
/** How much of the references' variety must be left. */
const LEAST_VARIETY = 0.5;

/** The habits of captions, one a picture. */
export function captionHabits(captions: readonly JudgedCaption[]): CaptionHabits {
  const words = captions.map((caption) => caption.words);
  const bad = captions.filter(({ words, finished }) => !finished || BAD_ENDINGS.includes(words.at(-1) ?? ""));
  return {
    badEndings: bad.length / captions.length,
    repeats: repetition(words).repeatedThrees,
    length: lengths(words).mean,
    unique: new Set(words.map((caption) => caption.join(" "))).size / captions.length,
  };
}

/** Gathers captions beside one reference each, until they are looked at. */
export class CollapseGuard {
  #captions: JudgedCaption[] = [];
  #references: JudgedCaption[] = [];

  /** Adds a picture's caption, and one of its references. */
  add(caption: JudgedCaption, reference: readonly string[]): void {
    this.#captions.push(caption);
    this.#references.push({ words: reference, finished: true });
  }

  /** Habits of the captions since the last call, and what is wrong with them; undefined where there are none. */
  take(): { readonly habits: CaptionHabits; readonly warnings: readonly string[] } | undefined {
    const [captions, references] = [this.#captions, this.#references];
    this.#captions = [];
    this.#references = [];
    if (captions.length === 0) return undefined;
    const habits = captionHabits(captions);
    const few = captions.length < LEAST_CAPTIONS;
    return { habits, warnings: few ? [] : collapseWarnings(habits, captionHabits(references)) };
  }
}

/** What is wrong with captions' habits beside the references', a sentence each. */
function collapseWarnings(found: CaptionHabits, references: CaptionHabits): string[] {
  const warnings: string[] = [];
  for (
    const [key, what] of [["badEndings", "break off"], ["repeats", "say three words twice"]] as const
  ) {
    if (found[key] <= references[key] + ABOVE[key]) continue;
    warnings.push(
      `${wholePercent(found[key])} of the captions ${what}, ${
        wholePercent(references[key])
      } of the references do`,
    );
  }
  const ratio = found.length / references.length;
  if (!(ratio >= LENGTHS[0] && ratio <= LENGTHS[1])) {
    warnings.push(
      `captions have ${found.length.toFixed(1)} words, references ${
        references.length.toFixed(1)
      }: the reward is ` +
        `won by length`,
    );
  }
  if (found.unique < LEAST_VARIETY * references.unique) {
    warnings.push(
      `only ${wholePercent(found.unique)} of the captions differ, ${
        wholePercent(references.unique)
      } of the references do`,
    );
  }
  return warnings;
}
