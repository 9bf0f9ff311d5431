// This module is browser compatible.
/**
 * CIDEr-D and CIDEr. CIDEr-D is what coco-caption and every published table call "CIDEr": tf-idf vectors of n-grams, the
 * candidate's clipped to the reference's, and a Gaussian on the difference of length; CIDEr is the plain cosine.
 * Source: Vedantam et al. 2015; details of tylin/coco-caption and vrama91/cider.
 */
import { type DocumentFrequencies, frequenciesIn } from "./document_frequencies.ts";
import { type EncodedCaptions, GramCounts, MAX_ORDER } from "./encode_captions.ts";
import { mean, type MeanScore } from "./rouge.ts";

/** Width of the Gaussian on the difference of length, in words. */
export const CIDER_SIGMA = 6;

/** Options of {@linkcode cider}. */
export interface CiderOptions {
  /** Default "D": clipped, and punished for a length unlike the reference's. "plain": neither. */
  readonly variant?: "D" | "plain";
  /** Width of the Gaussian of "D". Default {@linkcode CIDER_SIGMA}. */
  readonly sigma?: number;
}

/**
 * CIDEr of each candidate against its references, 0 to 10.
 *
 * @param frequencies In how many images' references each n-gram occurs: of these captions (`corpusFrequencies`) or a table.
 */
export function cider(
  captions: EncodedCaptions,
  frequencies: DocumentFrequencies,
  options: CiderOptions = {},
): MeanScore {
  const { variant = "D", sigma = CIDER_SIGMA } = options;
  const weights = idf(captions, frequencies);
  const candidate = new Vector(captions, weights);
  const reference = new Vector(captions, weights);
  const perImage = new Float64Array(captions.ids.length);
  for (let image = 0; image < perImage.length; image++) {
    const [own, end] = [captions.first[image], captions.first[image + 1]];
    candidate.load(own);
    let sum = 0;
    for (let other = own + 1; other < end; other++) {
      reference.load(other);
      sum += similarity(candidate, reference, variant === "D" ? sigma : undefined);
    }
    perImage[image] = 10 * (sum / (end - own - 1));
  }
  return { score: mean(perImage), perImage };
}

/** log(documents / document frequency) of each n-gram of the index; one never seen counts as seen once. */
function idf(captions: EncodedCaptions, frequencies: DocumentFrequencies): Float64Array {
  const logDocuments = Math.log(frequencies.documents);
  return Float64Array.from(
    frequenciesIn(captions.index, frequencies),
    (count) => logDocuments - Math.log(Math.max(1, count)),
  );
}

/** A caption's tf-idf vector, one norm for each length of n-gram. */
class Vector {
  readonly grams: GramCounts;
  readonly weights: Float64Array;
  readonly norms: Float64Array = new Float64Array(MAX_ORDER);
  /** Words; coco-caption counts pairs of words, whose difference is the same. */
  length = 0;
  readonly #lengths: Uint32Array;

  constructor(captions: EncodedCaptions, weights: Float64Array) {
    this.grams = new GramCounts(captions);
    this.weights = weights;
    this.#lengths = captions.lengths;
  }

  load(caption: number): void {
    const { grams, weights } = this;
    grams.load(caption);
    this.length = this.#lengths[caption];
    for (let order = 0, i = 0; order < MAX_ORDER; order++) {
      let squares = 0;
      for (; i < grams.ends[order]; i++) {
        const gram = grams.distinct[i];
        squares += (grams.counts[gram] * weights[gram]) ** 2;
      }
      this.norms[order] = Math.sqrt(squares);
    }
  }
}

/** Mean over the lengths of n-grams of the (clipped) cosine; with `sigma` times the Gaussian of the lengths. */
function similarity(candidate: Vector, reference: Vector, sigma: number | undefined): number {
  const { grams, weights } = candidate;
  let total = 0;
  for (let order = 0, i = 0; order < MAX_ORDER; order++) {
    let dot = 0;
    for (; i < grams.ends[order]; i++) {
      const gram = grams.distinct[i];
      const theirs = reference.grams.counts[gram] * weights[gram];
      const ours = grams.counts[gram] * weights[gram];
      dot += (sigma === undefined ? ours : Math.min(ours, theirs)) * theirs;
    }
    const norm = candidate.norms[order] * reference.norms[order];
    total += norm === 0 ? dot : dot / norm;
  }
  const delta = candidate.length - reference.length;
  return total / MAX_ORDER * (sigma === undefined ? 1 : Math.exp(-(delta ** 2) / (2 * sigma ** 2)));
}
