// This module is browser compatible.
/** Reads captions of the built-in picture world back into what they claim. */

import {
  type Colour,
  COLOURS,
  type Place,
  type Relation,
  type Shape,
  SHAPES,
  type Size,
  SIZES,
} from "./shapes.ts";
import {
  ALSO_READ,
  type Arrangement,
  ARRANGEMENT_WORDS,
  OPPOSITE,
  PLACE_WORDS,
  RELATION_WORDS,
  SENTENCES,
} from "./shapes_language.ts";

/** What a caption says of one object, or of two at once ("two red rings"). */
export interface Phrase {
  readonly colour: Colour;
  readonly shape: Shape;
  /** Absent where the caption does not say. */
  readonly size?: Size;
  /** Objects it speaks of. */
  readonly count: 1 | 2;
  /** Whether the count is said: "one", "two" or "a pair of", rather than "a". */
  readonly counted: boolean;
}

/** What a caption claims. */
export interface Reading {
  /** One phrase for one object, two phrases for two, or one phrase for two that look alike. */
  readonly phrases: readonly Phrase[];
  /** Where the first phrase's object is, seen from the second's. */
  readonly relation?: Relation;
  /** Where the only object is. */
  readonly place?: Place;
  /** How the two objects of one phrase lie. */
  readonly arrangement?: Arrangement;
}

/** A reading while it is put together: `a` and `b` are the sentence's blanks. */
interface Draft {
  a?: Phrase;
  b?: Phrase;
  relation?: Relation;
  place?: Place;
  arrangement?: Arrangement;
}

/** Words of a caption and how far they are read. */
interface Cursor {
  readonly words: readonly string[];
  at: number;
}

const PATTERNS = [...Object.values(SENTENCES).flat(), ...ALSO_READ].map((sentence) => sentence.split(" "));

/** What each blank takes; false where the words do not fit. */
const BLANKS: Readonly<Record<string, (cursor: Cursor, draft: Draft) => boolean>> = {
  a: (cursor, draft) => (draft.a = readOne(cursor)) !== undefined,
  one: (cursor, draft) => (draft.a = readOne(cursor)) !== undefined,
  b: (cursor, draft) => (draft.b = readOne(cursor)) !== undefined,
  two: (cursor, draft) => (draft.a = readTwo(cursor)) !== undefined,
  pair: (cursor, draft) => (draft.a = readTwo(cursor)) !== undefined,
  rel: (cursor, draft) => (draft.relation = readAny(cursor, RELATION_WORDS)) !== undefined,
  inv(cursor, draft) {
    const inverse = readAny(cursor, RELATION_WORDS);
    draft.relation = inverse && OPPOSITE[inverse];
    return inverse !== undefined;
  },
  place: (cursor, draft) => (draft.place = readAny(cursor, PLACE_WORDS)) !== undefined,
  row: (cursor, draft) => (draft.arrangement = readAny(cursor, ARRANGEMENT_WORDS)) !== undefined,
};

/**
 * What a caption claims, or undefined where it is no sentence of this world.
 *
 * @param caption Words, or text with single spaces between lower-case words.
 */
export function readCaption(caption: string | readonly string[]): Reading | undefined {
  const words = typeof caption === "string" ? caption.trim().split(/\s+/) : caption;
  for (const pattern of PATTERNS) {
    const reading = match(pattern, words);
    if (reading) return reading;
  }
}

function match(pattern: readonly string[], words: readonly string[]): Reading | undefined {
  const cursor = { words, at: 0 };
  const draft: Draft = {};
  for (const part of pattern) {
    const blank = /^\{(\w+)\}$/.exec(part)?.[1];
    if (blank ? !BLANKS[blank](cursor, draft) : words[cursor.at++] !== part) return undefined;
  }
  const { a, b, ...rest } = draft;
  if (!a || cursor.at !== words.length) return undefined;
  return { phrases: b ? [a, b] : [a], ...rest };
}

/** "a big red ring", "an orange star", "one red ring". */
function readOne(cursor: Cursor): Phrase | undefined {
  const article = cursor.words[cursor.at++];
  const vowel = /^[aeiou]/.test(cursor.words[cursor.at] ?? "");
  if (article !== "one" && article !== (vowel ? "an" : "a")) return undefined;
  return readName(cursor, { count: 1, counted: article === "one" });
}

/** "two big red rings", "a pair of red rings". */
function readTwo(cursor: Cursor): Phrase | undefined {
  if (!readWords(cursor, "two") && !readWords(cursor, "a pair of")) return undefined;
  return readName(cursor, { count: 2, counted: true });
}

/** "big red ring", or "big red rings" where two are meant. */
function readName(cursor: Cursor, number: Pick<Phrase, "count" | "counted">): Phrase | undefined {
  const { words } = cursor;
  const size = SIZES.find((size) => size === words[cursor.at]);
  if (size) cursor.at++;
  const colour = COLOURS.find((colour) => colour === words[cursor.at]);
  const noun = words[cursor.at + 1];
  const shape = SHAPES.find((shape) => (number.count === 2 ? `${shape}s` : shape) === noun);
  cursor.at += 2;
  return colour && shape && { ...number, ...(size && { size }), colour, shape };
}

/** The key whose words come next. */
function readAny<K extends string>(cursor: Cursor, phrases: Readonly<Record<K, string>>): K | undefined {
  for (const key in phrases) if (readWords(cursor, phrases[key])) return key;
}

function readWords(cursor: Cursor, phrase: string): boolean {
  const expected = phrase.split(" ");
  const fits = expected.every((word, i) => cursor.words[cursor.at + i] === word);
  if (fits) cursor.at += expected.length;
  return fits;
}
