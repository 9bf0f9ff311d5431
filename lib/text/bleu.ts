// This module is browser compatible.
/**
 * BLEU of 1 to 4 words as coco-caption computes it: corpus level and per image, brevity against the closest reference
 * length (the shorter of two equally close ones), tiny constants in place of smoothing.
 * Source: Papineni et al. 2002; constants of tylin/coco-caption.
 */
import { type EncodedCaptions, GramCounts, MAX_ORDER } from "./encode_captions.ts";

const TINY = 1e-15; // keeps 0 matches of 0 n-grams at 0
const SMALL = 1e-9;

/** Numbers in a row of {@linkcode Bleu.counts}: test length, reference length, then 4 guesses and 4 matches. */
export const BLEU_COUNTS = 2 + 2 * MAX_ORDER;

/** BLEU and what it is made of. */
export interface Bleu {
  /** Corpus BLEU of up to 1, 2, 3, 4 words. */
  readonly scores: readonly number[];
  /** The same of each image alone, [4][images]. */
  readonly perImage: readonly Float64Array[];
  /** Words of all candidates. */
  readonly testlen: number;
  /** Sum of the closest reference lengths. */
  readonly reflen: number;
  /** N-grams of all candidates, for 1 to 4 words. */
  readonly guess: readonly number[];
  /** Those of them found in a reference, no more often than there. */
  readonly correct: readonly number[];
  /** The sums' parts, [images, BLEU_COUNTS]. */
  readonly counts: Uint32Array;
}

/** BLEU of each candidate against its references. */
export function bleu(captions: EncodedCaptions): Bleu {
  const images = captions.ids.length;
  const counts = new Uint32Array(images * BLEU_COUNTS);
  const perImage = Array.from({ length: MAX_ORDER }, () => new Float64Array(images));
  const total = new Float64Array(BLEU_COUNTS);
  const grams = new GramCounts(captions);
  const most = new Uint32Array(captions.index.size); // of each n-gram, in any one reference of the image
  for (let image = 0; image < images; image++) {
    const row = counts.subarray(image * BLEU_COUNTS, (image + 1) * BLEU_COUNTS);
    countImage(captions, image, { grams, most, row });
    bleuOfCounts(row).forEach((score, order) => perImage[order][image] = score);
    for (let i = 0; i < BLEU_COUNTS; i++) total[i] += row[i];
  }
  return {
    scores: bleuOfCounts(total),
    perImage,
    testlen: total[0],
    reflen: total[1],
    guess: [...total.subarray(2, 2 + MAX_ORDER)],
    correct: [...total.subarray(2 + MAX_ORDER)],
    counts,
  };
}

/**
 * BLEU of summed counts, so that any selection of images can be scored from {@linkcode Bleu.counts}.
 *
 * @param counts Test length, reference length, 4 guesses, 4 matches [BLEU_COUNTS].
 */
export function bleuOfCounts(counts: Uint32Array | Float64Array): number[] {
  const ratio = (counts[0] + TINY) / (counts[1] + SMALL);
  const brevity = ratio < 1 ? Math.exp(1 - 1 / ratio) : 1;
  let product = 1;
  return Array.from({ length: MAX_ORDER }, (_, order) => {
    product *= (counts[2 + MAX_ORDER + order] + TINY) / (counts[2 + order] + SMALL);
    return product ** (1 / (order + 1)) * brevity;
  });
}

interface Scratch {
  readonly grams: GramCounts;
  readonly most: Uint32Array;
  readonly row: Uint32Array;
}

function countImage(captions: EncodedCaptions, image: number, { grams, most, row }: Scratch): void {
  const { first, lengths, starts } = captions;
  const [candidate, end] = [first[image], first[image + 1]];
  const testlen = lengths[candidate];
  let reflen = lengths[candidate + 1];
  for (let reference = candidate + 1; reference < end; reference++) {
    reflen = closer(testlen, reflen, lengths[reference]);
    grams.load(reference);
    for (let i = 0; i < grams.ends[MAX_ORDER - 1]; i++) {
      const gram = grams.distinct[i];
      if (grams.counts[gram] > most[gram]) most[gram] = grams.counts[gram];
    }
  }
  grams.load(candidate);
  row[0] = testlen;
  row[1] = reflen;
  for (let order = 0, i = 0; order < MAX_ORDER; order++) {
    row[2 + order] = Math.max(0, testlen - order);
    for (; i < grams.ends[order]; i++) {
      const gram = grams.distinct[i];
      row[2 + MAX_ORDER + order] += Math.min(grams.counts[gram], most[gram]);
    }
  }
  for (let i = starts[candidate + 1]; i < starts[end]; i++) most[captions.grams[i]] = 0;
}

function closer(to: number, a: number, b: number): number {
  const difference = Math.abs(a - to) - Math.abs(b - to);
  return difference < 0 || (difference === 0 && a < b) ? a : b;
}
