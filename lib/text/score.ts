// This module is browser compatible.
/** All n-gram scores of a set of captions at once. */
import { bleu } from "./bleu.ts";
import { cider, CIDER_SIGMA, type CiderOptions } from "./cider.ts";
import { corpusFrequencies, type DocumentFrequencies } from "./document_frequencies.ts";
import {
  type Candidates,
  encodeCaptions,
  type ImageId,
  MAX_ORDER,
  type References,
} from "./encode_captions.ts";
import { ROUGE_BETA, rougeL } from "./rouge.ts";

/** Options of {@linkcode scoreCaptions}. */
export interface ScoreOptions {
  /** Document frequencies of CIDEr. Default: those of the references themselves. */
  readonly frequencies?: DocumentFrequencies;
  /** Width of CIDEr-D's Gaussian. Default 6. */
  readonly sigma?: number;
  /** Name of the tokenizer that made the words, for the signatures. Default "ptb". */
  readonly tokenizer?: string;
}

/** Names of the scores, in the order of every table. */
export const SCORE_NAMES = [
  "Bleu_1",
  "Bleu_2",
  "Bleu_3",
  "Bleu_4",
  "ROUGE_L",
  "CIDEr",
  "CIDEr_plain",
] as const;

/** Name of a score; `CIDEr` is CIDEr-D as in all published tables, `CIDEr_plain` the one without clipping and Gaussian. */
export type ScoreName = typeof SCORE_NAMES[number];

/** Scores of a set of captions. */
export interface Scores extends Record<ScoreName, number> {
  /** Number of images. */
  readonly images: number;
  /** Words of all candidates. */
  readonly testlen: number;
  /** Sum of the closest reference lengths. */
  readonly reflen: number;
  /** N-grams of all candidates, for 1 to 4 words. */
  readonly guess: readonly number[];
  /** Those found in a reference. */
  readonly correct: readonly number[];
  /** The images, in the order of `perImage`. */
  readonly ids: readonly ImageId[];
  /** Each image's scores, [images] each. */
  readonly perImage: Readonly<Record<ScoreName, Float64Array>>;
  /** What corpus BLEU sums up, [images, BLEU_COUNTS]. */
  readonly bleuCounts: Uint32Array;
  /** How each score was computed, in one line: compare scores only where these are equal. */
  readonly signatures: Readonly<Record<ScoreName, string>>;
}

/**
 * BLEU, ROUGE-L and CIDEr of captions, as coco-caption computes them.
 *
 * @param references Words of each image's references.
 * @param candidates Words of each image's one candidate.
 * @throws {RangeError} If a candidate's image has no reference, or there is no candidate.
 */
export function scoreCaptions(
  references: References,
  candidates: Candidates,
  options: ScoreOptions = {},
): Scores {
  const { sigma = CIDER_SIGMA, tokenizer = "ptb" } = options;
  const captions = encodeCaptions(references, candidates);
  const frequencies = options.frequencies ?? corpusFrequencies(captions);
  const { scores, perImage, counts, ...sums } = bleu(captions);
  const rouge = rougeL(captions);
  const ciderOf = (variant: CiderOptions["variant"]) => cider(captions, frequencies, { variant, sigma });
  const [ciderD, plain] = [ciderOf("D"), ciderOf("plain")];
  const [Bleu_1, Bleu_2, Bleu_3, Bleu_4] = scores;
  const images = captions.ids.length;
  const common = `images:${images}|refs:${referenceRange(captions.first)}|case:lower|tok:${tokenizer}`;
  const df = `df:${frequencies.source}[${frequencies.documents}]`;
  const bleuLine = (order: number) => `BLEU-${order}|${common}|len:closest|smooth:none|v:coco`;
  return {
    images,
    Bleu_1,
    Bleu_2,
    Bleu_3,
    Bleu_4,
    ROUGE_L: rouge.score,
    CIDEr: ciderD.score,
    CIDEr_plain: plain.score,
    ...sums,
    ids: captions.ids,
    perImage: {
      Bleu_1: perImage[0],
      Bleu_2: perImage[1],
      Bleu_3: perImage[2],
      Bleu_4: perImage[3],
      ROUGE_L: rouge.perImage,
      CIDEr: ciderD.perImage,
      CIDEr_plain: plain.perImage,
    },
    bleuCounts: counts,
    signatures: {
      Bleu_1: bleuLine(1),
      Bleu_2: bleuLine(2),
      Bleu_3: bleuLine(3),
      Bleu_4: bleuLine(4),
      ROUGE_L: `ROUGE-L|${common}|beta:${ROUGE_BETA}|v:coco`,
      CIDEr: `CIDEr-D|${common}|n:${MAX_ORDER}|sigma:${sigma}|${df}|v:coco`,
      CIDEr_plain: `CIDEr|${common}|n:${MAX_ORDER}|${df}|v:vrama91`,
    },
  };
}

/** "5", or "4-6" where images differ. */
function referenceRange(first: Uint32Array): string {
  let [least, most] = [Infinity, 0];
  for (let image = 0; image + 1 < first.length; image++) {
    const count = first[image + 1] - first[image] - 1;
    [least, most] = [Math.min(least, count), Math.max(most, count)];
  }
  return least === most ? `${most}` : `${least}-${most}`;
}
