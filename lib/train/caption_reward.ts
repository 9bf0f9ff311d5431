// This module is browser compatible.
/** The reward of self-critical training: CIDEr-D of captions as ids, with the training captions' document frequencies. */

import type { TokenTable } from "../data/token_table.ts";
import { cider, CIDER_SIGMA } from "../text/cider.ts";
import type { DocumentFrequencies } from "../text/document_frequencies.ts";
import { encodeCaptions, MAX_ORDER } from "../text/encode_captions.ts";
import { grown, NgramIndex } from "../text/ngrams.ts";

/**
 * Scores captions of training pictures.
 *
 * The end token counts as the last word, in references, candidates and document frequencies: without it a caption
 * that breaks off ("a dog on a") costs nothing, and training finds that out.
 */
export class CaptionReward {
  readonly frequencies: DocumentFrequencies;
  readonly #tokens: TokenTable;
  readonly #words: readonly string[];

  /**
   * Counts the n-grams of all captions once.
   *
   * @param tokens Captions of the training pictures.
   * @param words The word of each id, special ones included.
   */
  constructor(tokens: TokenTable, words: readonly string[]) {
    this.#tokens = tokens;
    this.#words = words;
    this.frequencies = tableFrequencies(tokens, words);
  }

  /**
   * CIDEr-D of each caption, from 0 to 10.
   *
   * @param images Number of each caption's picture.
   * @param captions Ids [n], the end token included where it was reached, without the start.
   */
  score(images: ArrayLike<number>, captions: readonly (readonly number[])[]): Float64Array {
    const references = new Map<number, string[][]>();
    const known = new Map<number, string[][]>();
    const candidates = new Map<number, string[]>();
    captions.forEach((ids, n) => {
      const image = images[n];
      if (!known.has(image)) known.set(image, this.#references(image));
      references.set(n, known.get(image)!);
      candidates.set(n, ids.map((id) => this.#words[id]));
    });
    return cider(encodeCaptions(references, candidates), this.frequencies).perImage;
  }

  /** A picture's captions in words, the end token as the last. */
  #references(image: number): string[][] {
    const { imageStarts } = this.#tokens;
    const count = imageStarts[image + 1] - imageStarts[image];
    return Array.from(
      { length: count },
      (_, i) => Array.from(this.#tokens.caption(imageStarts[image] + i).subarray(1), (id) => this.#words[id]),
    );
  }
}

/** How the reward is computed, in SacreEOS's form: with end tokens (STANDARD), in the frequencies too (wInit). */
export function rewardSignature(
  { baseline, samples }: {
    /** What a caption's reward is compared with. */
    readonly baseline: "greedy" | "samples";
    /** Captions drawn for each picture. */
    readonly samples: number;
  },
): string {
  const base = baseline === "samples" ? "average" : "greedy";
  const metric = `Cider-D[n${MAX_ORDER},s${CIDER_SIGMA.toFixed(1)}]`;
  return `STANDARD_wInit+${metric}+${base}[nspi${samples}]+1.0.0`;
}

/** In how many pictures' captions each n-gram occurs; straight from ids, since a training set has millions. */
function tableFrequencies(tokens: TokenTable, words: readonly string[]): DocumentFrequencies {
  const index = new NgramIndex();
  const numbers = words.map((word) => index.word(word));
  let counts = new Uint32Array(1 << 12);
  let lastSeen = new Uint32Array(1 << 12); // picture number + 1
  for (let image = 0; image < tokens.images; image++) {
    const see = (gram: number) => {
      while (gram >= counts.length) [counts, lastSeen] = [grown(counts), grown(lastSeen)];
      if (lastSeen[gram] === image + 1) return;
      lastSeen[gram] = image + 1;
      counts[gram]++;
    };
    for (let c = tokens.imageStarts[image]; c < tokens.imageStarts[image + 1]; c++) {
      const ids = tokens.caption(c).subarray(1); // the start is no word
      for (let first = 0; first < ids.length; first++) {
        let gram = numbers[ids[first]];
        see(gram);
        for (let last = first + 1; last < Math.min(ids.length, first + MAX_ORDER); last++) {
          gram = index.extend(gram, numbers[ids[last]]);
          see(gram);
        }
      }
    }
  }
  return { documents: tokens.images, source: "train", index, counts: counts.slice(0, index.size) };
}
