// This module is browser compatible.
/** Chooses a vocabulary's words by how often they occur, and says what the choice covers. */
import { SPECIAL_WORDS, Vocabulary } from "./vocabulary.ts";

/** Options of {@linkcode buildVocabulary}. */
export interface BuildVocabularyOptions {
  /** Words that occur less often are left out. Default 6, the field's "more than 5". */
  readonly minCount?: number;
}

/** What a vocabulary covers of the captions it was made of. */
export interface Coverage {
  /** Captions read. */
  readonly captions: number;
  /** Words read, each occurrence counted. */
  readonly tokens: number;
  /** Different words read. */
  readonly types: number;
  /** Different words that got an id. */
  readonly typesKept: number;
  /** Different words left out. */
  readonly typesDropped: number;
  /** Occurrences of words that got an id. */
  readonly tokensCovered: number;
  /** Share of occurrences that become `<unk>`, 0 to 1. */
  readonly unknownShare: number;
  /** Words of the longest caption. */
  readonly longest: number;
  /** The most frequent words with their counts, at most 10. */
  readonly mostFrequent: readonly (readonly [word: string, count: number])[];
}

/** A vocabulary and what it covers. */
export interface BuiltVocabulary {
  readonly vocabulary: Vocabulary;
  readonly coverage: Coverage;
}

/**
 * The vocabulary of `captions`: words by falling frequency, equal ones by code unit, so that the same captions in
 * any order give the same ids.
 *
 * @param captions Words of each caption.
 * @throws {RangeError} If no word occurs `minCount` times, or `minCount` is not a positive integer.
 */
export function buildVocabulary(
  captions: Iterable<readonly string[]>,
  options: BuildVocabularyOptions = {},
): BuiltVocabulary {
  const { minCount = 6 } = options;
  if (!Number.isInteger(minCount) || minCount < 1) {
    throw new RangeError(
      `Cannot build a vocabulary: minCount is ${minCount}, should be an integer of 1 or more`,
    );
  }
  const counts = new Map<string, number>();
  let [captionCount, tokens, longest] = [0, 0, 0];
  for (const caption of captions) {
    captionCount++;
    tokens += caption.length;
    longest = Math.max(longest, caption.length);
    for (const word of caption) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  for (const special of SPECIAL_WORDS) counts.delete(special); // a caption that spells one out means no new id
  const ranked = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  const kept = ranked.filter(([, count]) => count >= minCount);
  if (kept.length === 0) throw new RangeError(nothingLeft(ranked, minCount, captionCount));
  const tokensCovered = kept.reduce((sum, [, count]) => sum + count, 0);
  return {
    vocabulary: new Vocabulary(kept.map(([word]) => word)),
    coverage: {
      captions: captionCount,
      tokens,
      types: ranked.length,
      typesKept: kept.length,
      typesDropped: ranked.length - kept.length,
      tokensCovered,
      unknownShare: 1 - tokensCovered / tokens,
      longest,
      mostFrequent: ranked.slice(0, 10),
    },
  };
}

function nothingLeft(ranked: readonly [string, number][], minCount: number, captions: number): string {
  if (ranked.length === 0) {
    return `Cannot build a vocabulary: found no words in ${captions} captions, should be at least one`;
  }
  const [word, count] = ranked[0];
  return `Cannot build a vocabulary: no word occurs ${minCount} times in ${captions} captions, ` +
    `the most frequent, "${word}", occurs ${count}; pass --min-count ${count} or less, or more captions`;
}
