// This module is browser compatible.
import { PAD, START, UNK, type Vocabulary } from "../text/vocabulary.ts";

/** English words that no caption ends with: it goes on behind them. */
export const BAD_ENDINGS: readonly string[] = [
  ...["a", "an", "the", "this", "that", "these", "those", "his", "her", "their", "its", "another", "some"],
  ...[
    "of",
    "with",
    "in",
    "on",
    "at",
    "to",
    "from",
    "for",
    "by",
    "into",
    "onto",
    "near",
    "behind",
    "beside",
    "between",
  ],
  ...["and", "or", "but", "while", "as", "is", "are"],
];

/** Rules on words. */
export interface WordRules {
  /** Words never said. */
  readonly ban?: readonly string[];
  /** Words every caption says. */
  readonly force?: readonly string[];
  /** No caption ends with one of {@linkcode BAD_ENDINGS}. Default false. */
  readonly removeBadEndings?: boolean;
}

/**
 * The ids of words in rules.
 *
 * @throws {RangeError} If a word is not in the vocabulary, or both banned and forced, or no word is left.
 */
export function wordRules(
  vocabulary: Vocabulary,
  { ban = [], force = [], removeBadEndings = false }: WordRules,
): { banned: number[]; forced: number[]; badEndings: number[] } {
  const idsOf = (words: readonly string[], action: string) =>
    words.map((word) => {
      if (vocabulary.has(word) && vocabulary.id(word) > UNK) return vocabulary.id(word);
      const lower = word.toLowerCase();
      const hint = lower !== word && vocabulary.has(lower) ? `, it knows "${lower}"` : "";
      throw new RangeError(`Cannot ${action} "${word}": the model does not know the word${hint}`);
    });
  const both = ban.filter((word) => force.includes(word));
  if (both.length > 0) throw new RangeError(`Cannot ban and force "${both.join(", ")}": give the word once`);
  const banned = idsOf(ban, "ban");
  if (new Set(banned).size === vocabulary.size - UNK - 1) {
    throw new RangeError(
      `Cannot ban all ${new Set(banned).size} words of the model: at least one must be left to say`,
    );
  }
  return {
    banned: [PAD, START, UNK, ...banned],
    forced: idsOf(force, "force"),
    badEndings: removeBadEndings
      ? BAD_ENDINGS.filter((word) => vocabulary.has(word)).map((word) => vocabulary.id(word))
      : [],
  };
}
