// This module is browser compatible.
/** A set of images with candidate and reference captions as integers: what the metrics read. */
import { grown, NgramIndex } from "./ngrams.ts";

/** Names an image: COCO's integer, or a file name. */
export type ImageId = number | string;

/** Words of an image's references. */
export type References = ReadonlyMap<ImageId, readonly (readonly string[])[]>;

/** Words of an image's one candidate. */
export type Candidates = ReadonlyMap<ImageId, readonly string[]>;

/** Longest n-gram of the published scores. */
export const MAX_ORDER = 4;

/** Candidates and references of a set of images; made by {@linkcode encodeCaptions}. */
export interface EncodedCaptions {
  /** The images, in the order of the candidates. */
  readonly ids: readonly ImageId[];
  /** Numbers of the words and n-grams. */
  readonly index: NgramIndex;
  /** Caption number of each image's candidate, [images + 1]; its references follow it, up to the next image's. */
  readonly first: Uint32Array;
  /** Words of each caption, [captions]. */
  readonly lengths: Uint32Array;
  /** Where each caption's n-grams start, [captions + 1]. */
  readonly starts: Uint32Array;
  /** N-grams of all captions: of one caption first its words, then its pairs, threes and fours. */
  readonly grams: Uint32Array;
}

/**
 * Numbers the words and n-grams (of 1 to {@linkcode MAX_ORDER} words) of all captions.
 *
 * @param references At least one reference for each candidate's image; more images than candidates are ignored.
 * @param candidates One caption per image.
 * @throws {RangeError} If a candidate's image has no reference, or there is no candidate.
 */
export function encodeCaptions(references: References, candidates: Candidates): EncodedCaptions {
  if (candidates.size === 0) {
    throw new RangeError("Cannot score captions: found none, should be at least one");
  }
  const ids = [...candidates.keys()];
  const index = new NgramIndex();
  const first = new Uint32Array(ids.length + 1);
  const lengths: number[] = [];
  const starts: number[] = [0];
  let grams = new Uint32Array(1 << 12);
  let used = 0;
  const add = (tokens: readonly string[]) => {
    while (used + tokens.length * MAX_ORDER > grams.length) grams = grown(grams);
    used = writeGrams(index, tokens, grams, used);
    lengths.push(tokens.length);
    starts.push(used);
  };
  ids.forEach((id, image) => {
    const own = references.get(id);
    if (!own || own.length === 0) {
      throw new RangeError(
        `Cannot score the caption of image ${id}: it has no reference, should have at least one`,
      );
    }
    first[image] = lengths.length;
    add(candidates.get(id)!);
    own.forEach(add);
  });
  first[ids.length] = lengths.length;
  return {
    ids,
    index,
    first,
    lengths: Uint32Array.from(lengths),
    starts: Uint32Array.from(starts),
    grams: grams.subarray(0, used),
  };
}

/** Writes the n-grams of `tokens` from `at` on, words first, and returns where they end. */
function writeGrams(index: NgramIndex, tokens: readonly string[], grams: Uint32Array, at: number): number {
  const words = at;
  for (const token of tokens) grams[at++] = index.word(token);
  for (let order = 2; order <= MAX_ORDER; order++) {
    const shorter = at - Math.max(0, tokens.length - order + 2); // where the grams of one word less start
    for (let i = 0; i + order <= tokens.length; i++) {
      grams[at++] = index.extend(grams[shorter + i], grams[words + order - 1 + i]);
    }
  }
  return at;
}

/** How often each n-gram occurs in one caption at a time; reused, so that counting allocates nothing. */
export class GramCounts {
  /** Occurrences of each n-gram of the index in the loaded caption, 0 for all others. */
  readonly counts: Uint32Array;
  /** The different n-grams of the loaded caption, shorter ones first; only the first `ends[3]` are valid. */
  readonly distinct: Uint32Array;
  /** Number of different n-grams of up to 1, 2, 3, 4 words. */
  readonly ends: Uint32Array = new Uint32Array(MAX_ORDER);
  readonly #captions: EncodedCaptions;

  constructor(captions: EncodedCaptions) {
    this.#captions = captions;
    this.counts = new Uint32Array(captions.index.size);
    this.distinct = new Uint32Array(MAX_ORDER * captions.lengths.reduce((a, b) => Math.max(a, b), 0));
  }

  /** Counts the n-grams of caption `caption` in place of those loaded before. */
  load(caption: number): void {
    const { counts, distinct, ends } = this;
    for (let i = 0; i < ends[MAX_ORDER - 1]; i++) counts[distinct[i]] = 0;
    const { grams, starts, lengths } = this.#captions;
    let at = starts[caption];
    let used = 0;
    for (let order = 1; order <= MAX_ORDER; order++) {
      for (let left = lengths[caption] - order + 1; left > 0; left--) {
        const gram = grams[at++];
        if (counts[gram]++ === 0) distinct[used++] = gram;
      }
      ends[order - 1] = used;
    }
  }
}
