// This module is browser compatible.
/** What a caption file holds, in figures: the second step of the tutorial. */

import { tokenizer } from "../text/tokenize.ts";
import type { CaptionSet } from "./captions.ts";
import { isRecord } from "../text/json.ts";

/** A caption with its picture and its number of words. */
export interface CaptionOfNote {
  readonly imageId: number;
  readonly caption: string;
  readonly words: number;
}

/** A caption file in figures. */
export interface CaptionSummary {
  /** Pictures with captions. */
  readonly images: number;
  readonly captions: number;
  /** How many pictures have how many captions, by rising number of captions. */
  readonly captionsPerImage: readonly (readonly [captions: number, images: number])[];
  readonly longest: CaptionOfNote;
  readonly shortest: CaptionOfNote;
  /** Different words. */
  readonly distinctWords: number;
  /** The most frequent words with their counts. */
  readonly mostFrequent: readonly (readonly [word: string, count: number])[];
}

/** Options of {@linkcode summarise}. */
export interface SummaryOptions {
  /** How many of the most frequent words. Default 10. */
  readonly words?: number;
}

/**
 * Counts pictures, captions and words.
 *
 * @throws {RangeError} If the set holds no captions.
 */
export function summarise(set: CaptionSet, options: SummaryOptions = {}): CaptionSummary {
  const tokenize = tokenizer("auto");
  const perImage = new Map<number, number>();
  const counts = new Map<string, number>();
  let longest: CaptionOfNote | undefined;
  let shortest: CaptionOfNote | undefined;
  let captions = 0;
  for (const [imageId, list] of set.captions) {
    perImage.set(list.length, (perImage.get(list.length) ?? 0) + 1);
    captions += list.length;
    for (const caption of list) {
      const words = tokenize(caption);
      for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
      const note = { imageId, caption, words: words.length };
      if (!longest || words.length > longest.words) longest = note;
      if (!shortest || words.length < shortest.words) shortest = note;
    }
  }
  if (!longest || !shortest) {
    throw new RangeError(`Cannot explore ${set.report.source}: no picture in it has a caption`);
  }
  return {
    images: set.images.length,
    captions,
    captionsPerImage: [...perImage].sort(([a], [b]) => a - b),
    longest,
    shortest,
    distinctWords: counts.size,
    mostFrequent: [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).slice(
      0,
      options.words ?? 10,
    ),
  };
}

/** What JSON holds at its top level: each key with its first entry, and its length where it is a list. */
export interface JsonKey {
  readonly key: string;
  /** Entries of a list; undefined for anything else. */
  readonly entries: number | undefined;
  /** The first entry of a list, or the value itself. */
  readonly first: unknown;
}

/** The keys of a JSON object (none for anything else). */
export function jsonKeys(json: unknown): JsonKey[] {
  if (!isRecord(json)) return [];
  return Object.entries(json).map(([key, value]) => ({
    key,
    entries: Array.isArray(value) ? value.length : undefined,
    first: Array.isArray(value) ? value[0] : value,
  }));
}
