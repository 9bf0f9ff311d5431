// This module is browser compatible.
/** The token ids of all captions of a split, packed: 600,000 captions in a few arrays instead of as many objects. */

import type { Vocabulary } from "../text/vocabulary.ts";

/** Captions as ids, each with start and end, grouped by picture. */
export class TokenTable {
  /** Ids of all captions one after another. */
  readonly ids: Uint32Array;
  /** Where caption c begins in `ids`; one more entry marks the end. */
  readonly captionStarts: Uint32Array;
  /** The number of picture i's first caption; one more entry marks the end. */
  readonly imageStarts: Uint32Array;

  constructor(ids: Uint32Array, captionStarts: Uint32Array, imageStarts: Uint32Array) {
    this.ids = ids;
    this.captionStarts = captionStarts;
    this.imageStarts = imageStarts;
  }

  /** Pictures. */
  get images(): number {
    return this.imageStarts.length - 1;
  }

  /** Captions of all pictures. */
  get captions(): number {
    return this.captionStarts.length - 1;
  }

  /** Ids of caption `c`, start and end included. A view: do not write into it. */
  caption(c: number): Uint32Array {
    return this.ids.subarray(this.captionStarts[c], this.captionStarts[c + 1]);
  }

  /** Ids in caption `c`, start and end included. */
  length(c: number): number {
    return this.captionStarts[c + 1] - this.captionStarts[c];
  }

  /** Longest caption in ids, start and end included. */
  get longest(): number {
    let longest = 0;
    for (let c = 0; c < this.captions; c++) longest = Math.max(longest, this.length(c));
    return longest;
  }
}

/** Options of {@linkcode encodeCaptions}. */
export interface EncodeCaptionsOptions {
  /** Captions are cut behind this many words, the end is kept. Default 50. */
  readonly maxWords?: number;
}

/**
 * Turns the words of all captions into ids.
 *
 * @param words Words of every caption of every picture.
 * @returns The table, and how many captions were cut.
 */
export function encodeCaptions(
  words: readonly (readonly (readonly string[])[])[],
  vocabulary: Pick<Vocabulary, "encode">,
  options: EncodeCaptionsOptions = {},
): { readonly table: TokenTable; readonly cut: number } {
  const { maxWords = 50 } = options;
  let captions = 0;
  let total = 0;
  let cut = 0;
  for (const image of words) {
    for (const caption of image) {
      captions++;
      total += Math.min(caption.length, maxWords) + 2;
      if (caption.length > maxWords) cut++;
    }
  }
  const ids = new Uint32Array(total);
  const captionStarts = new Uint32Array(captions + 1);
  const imageStarts = new Uint32Array(words.length + 1);
  let at = 0;
  let c = 0;
  words.forEach((image, i) => {
    imageStarts[i] = c;
    for (const caption of image) {
      captionStarts[c++] = at;
      const encoded = vocabulary.encode(caption, { maxLength: maxWords + 2 });
      ids.set(encoded, at);
      at += encoded.length;
    }
  });
  captionStarts[c] = at;
  imageStarts[words.length] = c;
  return { table: new TokenTable(ids, captionStarts, imageStarts), cut };
}
