// This module is browser compatible.
/** Validation as the model will be used: it writes captions on its own, and these are scored. */

import type { FeatureSource } from "../data/feature_batches.ts";
import type { Split } from "../data/dataset.ts";
import { captionSplit } from "../models/caption_split.ts";
import type { LoadedModel } from "../models/model_file.ts";
import { scoreCaptions } from "../text/score.ts";
import { tokenizer } from "../text/tokenize.ts";
import { UNK } from "../text/vocabulary.ts";
import { captionHabits } from "./collapse.ts";
import { captionWarnings } from "./caption_warnings.ts";

/** Pictures at most: the first ones of the split. As many as the Karpathy split validates on. */
const MOST_PICTURES = 5000;
/** Words of a caption at most, the end token included. */
const MOST_WORDS = 50;

/** Options of {@linkcode validateCaptions}. */
export interface CaptionValidationOptions {
  /** Width of the beam; 1 is greedy. Default 1. */
  readonly beam?: number;
  /** Pictures in a batch. Default 50. */
  readonly batchSize?: number;
  /** Features of the split's pictures, made by the encoder as it is. Default: it sees the pixels. */
  readonly features?: FeatureSource;
  /** Called after each batch; returning true ends the validation without a result. */
  readonly onBatch?: (done: number, total: number) => Promise<boolean>;
}

/** How the captions of held-out pictures are. */
export interface CaptionValidation {
  /** One a picture. */
  readonly captions: readonly string[];
  /** CIDEr-D and BLEU-4 against all references, frequencies of the split's own; and the habits as shares. */
  readonly scores: {
    readonly CIDEr: number;
    readonly Bleu_4: number;
    /** Different captions as a share of the pictures. */
    readonly unique: number;
    /** Captions that break off, as a share. */
    readonly badEndings: number;
    /** Words of the references that the vocabulary lacks, as a share. */
    readonly unknownWords: number;
  };
  /** What is wrong with them and what to do, a sentence each. */
  readonly warnings: readonly string[];
}

/**
 * Captions a split's pictures and scores the captions. No caption may be longer than the split's longest.
 *
 * @returns Undefined if `onBatch` ended it.
 */
export async function validateCaptions(
  writer: Pick<LoadedModel, "model" | "vocabulary" | "info">,
  split: Split,
  { beam = 1, batchSize = 50, features, onBatch }: CaptionValidationOptions = {},
): Promise<CaptionValidation | undefined> {
  const images = split.images.slice(0, MOST_PICTURES);
  const maxLength = Math.min(MOST_WORDS, split.tokens.longest - 1); // the start token is not written
  let ended = false;
  const found = await captionSplit(writer, split, {
    beam,
    maxLength,
    batchSize,
    features,
    most: images.length,
    onProgress: async (done, total) => ended = await onBatch?.(done, total) ?? false,
  });
  if (ended) return undefined;
  const captions = found.map(([best]) => best.text);
  const { wordSource } = writer.info;
  const tokenize = tokenizer(wordSource === "given" ? "auto" : wordSource);
  const references = images.map((_, i) => split.captions[i].map(tokenize));
  const { CIDEr, Bleu_4 } = scoreCaptions(
    new Map(images.map(({ id }, i) => [id, references[i]])),
    new Map(images.map(({ id }, i) => [id, tokenize(captions[i])])),
  );
  // A caption that fills the whole length has no end.
  const judged = found.map(([{ words }]) => ({
    words: words.map(({ word }) => word),
    finished: words.length < maxLength,
  }));
  const habits = captionHabits(judged);
  const unknownWords = unknownShare(split);
  const firsts = captionHabits(references.map(([words]) => ({ words, finished: true })));
  return {
    captions,
    scores: { CIDEr, Bleu_4, unique: habits.unique, badEndings: habits.badEndings, unknownWords },
    warnings: captionWarnings({ pictures: images.length, habits, references: firsts, unknownWords }),
  };
}

function unknownShare({ tokens }: Split): number {
  let [unknown, words] = [0, 0];
  for (let i = 0; i < tokens.captions; i++) {
    words += tokens.length(i) - 2; // start and end are no words
    for (const id of tokens.caption(i)) if (id === UNK) unknown++;
  }
  return unknown / Math.max(1, words);
}
