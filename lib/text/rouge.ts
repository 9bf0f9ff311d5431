// This module is browser compatible.
/**
 * ROUGE-L as coco-caption computes it: β = 1.2, precision and recall each the best over the references, mean over
 * images. Source: Lin 2004; β of tylin/coco-caption.
 */
import type { EncodedCaptions } from "./encode_captions.ts";

/** Weight of recall against precision. */
export const ROUGE_BETA = 1.2;

/** One score per image and their mean. */
export interface MeanScore {
  /** Mean over images. */
  readonly score: number;
  /** Score of each image, [images]. */
  readonly perImage: Float64Array;
}

/** ROUGE-L of each candidate against its references, 0 to 1. */
export function rougeL(captions: EncodedCaptions): MeanScore {
  const { first, lengths } = captions;
  const perImage = new Float64Array(captions.ids.length);
  const row = new Uint32Array(lengths.reduce((a, b) => Math.max(a, b), 0) + 1);
  for (let image = 0; image < perImage.length; image++) {
    const candidate = first[image];
    let [precision, recall] = [0, 0];
    for (let reference = candidate + 1; reference < first[image + 1]; reference++) {
      const common = longestCommon(captions, candidate, reference, row);
      if (common === 0) continue; // also where one is empty
      precision = Math.max(precision, common / lengths[candidate]);
      recall = Math.max(recall, common / lengths[reference]);
    }
    if (recall > 0) {
      perImage[image] = (1 + ROUGE_BETA ** 2) * precision * recall / (recall + ROUGE_BETA ** 2 * precision);
    }
  }
  return { score: mean(perImage), perImage };
}

/** Mean of `values`; NaN of none. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
}

/** Length of the longest common subsequence of words; `row` is scratch of at least the longest caption + 1. */
function longestCommon(captions: EncodedCaptions, a: number, b: number, row: Uint32Array): number {
  const { grams, starts, lengths } = captions;
  row.fill(0, 0, lengths[b] + 1);
  for (let i = 0; i < lengths[a]; i++) {
    const word = grams[starts[a] + i];
    let diagonal = 0; // of the row before
    for (let j = 0; j < lengths[b]; j++) {
      const above = row[j + 1];
      row[j + 1] = word === grams[starts[b] + j] ? diagonal + 1 : Math.max(above, row[j]);
      diagonal = above;
    }
  }
  return row[lengths[b]];
}
