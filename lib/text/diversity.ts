// This module is browser compatible.
/** How varied captions are, how long, and how much they repeat themselves: what BLEU and CIDEr do not see. */
import { bleu } from "./bleu.ts";
import { encodeCaptions, type ImageId, MAX_ORDER } from "./encode_captions.ts";

/** Variety of a set of captions. */
export interface Diversity {
  /** Different words as a share of all words. */
  readonly distinct1: number;
  /** Different pairs of words as a share of all pairs. */
  readonly distinct2: number;
  /** Different captions as a share of all. */
  readonly distinctCaptions: number;
  /** Different words used. */
  readonly wordsUsed: number;
  /** Captions that no training caption equals, as a share; only where the training captions are known. */
  readonly novelCaptions?: number;
  /** Words used as a share of the vocabulary; only where it is known. */
  readonly vocabularyUsed?: number;
}

/** Options of {@linkcode diversity}. */
export interface DiversityOptions {
  /** Captions of the training set, words joined by spaces. */
  readonly trainingCaptions?: ReadonlySet<string>;
  /** Words the model can say. */
  readonly vocabularySize?: number;
}

/** Lengths of captions in words. */
export interface Lengths {
  readonly mean: number;
  readonly shortest: number;
  readonly longest: number;
  /** Number of captions of each length, [longest + 1]. */
  readonly histogram: readonly number[];
}

/** How captions repeat themselves. */
export interface Repetition {
  /** Captions with a word twice in a row, as a share. */
  readonly stutter: number;
  /** Captions with a pair of words twice, as a share. */
  readonly repeatedPairs: number;
  /** Captions with three words twice, as a share. */
  readonly repeatedThrees: number;
}

/** Variety of `captions`, one a picture. */
export function diversity(
  captions: readonly (readonly string[])[],
  options: DiversityOptions = {},
): Diversity {
  const { trainingCaptions, vocabularySize } = options;
  const words = new Set<string>();
  const pairs = new Set<string>();
  let [wordCount, pairCount] = [0, 0];
  for (const caption of captions) {
    wordCount += caption.length;
    pairCount += Math.max(0, caption.length - 1);
    caption.forEach((word) => words.add(word));
    ngrams(caption, 2).forEach((pair) => pairs.add(pair));
  }
  const lines = captions.map((caption) => caption.join(" "));
  return {
    distinct1: share(words.size, wordCount),
    distinct2: share(pairs.size, pairCount),
    distinctCaptions: share(new Set(lines).size, lines.length),
    wordsUsed: words.size,
    ...trainingCaptions &&
      { novelCaptions: share(lines.filter((line) => !trainingCaptions.has(line)).length, lines.length) },
    ...vocabularySize && { vocabularyUsed: share(words.size, vocabularySize) },
  };
}

/**
 * BLEU of each of a picture's candidates against its other ones (mBLEU, Shetty et al. 2017): lower is more varied.
 *
 * @param candidates The n best captions of each picture; pictures with fewer than two are left out.
 * @returns mBLEU of 1 to 4 words, corpus level.
 * @throws {RangeError} If no picture has two candidates.
 */
export function mutualBleu(
  candidates: ReadonlyMap<ImageId, readonly (readonly string[])[]>,
): readonly number[] {
  const references = new Map<string, (readonly string[])[]>();
  const hypotheses = new Map<string, readonly string[]>();
  for (const [id, captions] of candidates) {
    if (captions.length < 2) continue;
    captions.forEach((caption, i) => {
      hypotheses.set(`${id}#${i}`, caption);
      references.set(`${id}#${i}`, captions.filter((_, j) => j !== i));
    });
  }
  if (hypotheses.size === 0) {
    throw new RangeError(
      "Cannot compute mBLEU: no picture has two candidates, at least one should",
    );
  }
  return bleu(encodeCaptions(references, hypotheses)).scores.slice(0, MAX_ORDER);
}

/** Lengths of `captions` in words. */
export function lengths(captions: readonly (readonly string[])[]): Lengths {
  const counts = captions.map((caption) => caption.length);
  const longest = counts.reduce((a, b) => Math.max(a, b), 0);
  const histogram = new Array<number>(longest + 1).fill(0);
  counts.forEach((length) => histogram[length]++);
  return {
    mean: share(counts.reduce((a, b) => a + b, 0), counts.length),
    shortest: counts.reduce((a, b) => Math.min(a, b), longest),
    longest,
    histogram,
  };
}

/** Whether a caption says a word twice in a row. */
export function stutters(caption: readonly string[]): boolean {
  return caption.some((word, i) => i > 0 && word === caption[i - 1]);
}

/** How often `captions` repeat words of their own. */
export function repetition(captions: readonly (readonly string[])[]): Repetition {
  const shareOf = (repeats: (caption: readonly string[]) => boolean) =>
    share(captions.filter(repeats).length, captions.length);
  const repeats = (order: number) => (caption: readonly string[]) => {
    const found = ngrams(caption, order);
    return new Set(found).size < found.length;
  };
  return {
    stutter: shareOf(stutters),
    repeatedPairs: shareOf(repeats(2)),
    repeatedThrees: shareOf(repeats(3)),
  };
}

function ngrams(caption: readonly string[], order: number): string[] {
  return Array.from(
    { length: Math.max(0, caption.length - order + 1) },
    (_, i) => caption.slice(i, i + order).join(" "),
  );
}
function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}
