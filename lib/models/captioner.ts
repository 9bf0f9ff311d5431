// This module is browser compatible.
import { scope } from "../scope.ts";
import { type BeamOptions, beamSearch } from "./beam_search.ts";
import type { Caption } from "./beam_history.ts";
import { uploadPixels } from "./device_batch.ts";
import { checkEnsemble, ensembleDecoder } from "./ensemble.ts";
import { isUnspaced } from "../text/segment.ts";
import type { LoadedModel } from "./model_file.ts";
import { sampleCaptions, type SampleOptions } from "./sample.ts";
import type { Tensor } from "../tensor.ts";

/** What writes captions: a model, or several with the same vocabulary, whose probabilities are averaged. */
export type Writer = CaptionWriter | readonly CaptionWriter[];
/** One model with its words. */
export type CaptionWriter = Pick<LoadedModel, "model" | "vocabulary">;

/** How captions are found: the likeliest by a beam search, or drawn at random where `samples` is given. */
export type CaptionOptions = BeamOptions | SampleOptions;

/** A caption in words. */
export interface WrittenCaption {
  /** The words in a row. */
  readonly text: string;
  /** Each word with its probability given those before it, and where the model looked [P] if that was asked for. */
  readonly words: readonly {
    readonly word: string;
    readonly probability: number;
    readonly alpha?: Float32Array;
  }[];
  /** Log-probability of the whole caption, in nats, its end included where it was reached. */
  readonly logProbability: number;
  /** What captions compete by, see {@linkcode Caption.final}. */
  readonly score: number;
}

/**
 * Captions pictures, all in one batch.
 *
 * @param pixels Preprocessed bytes [B, size, size, 3].
 * @param options `minWords` is 1 unless told otherwise: no caption is empty.
 * @returns The captions of each picture, best first, or in the order drawn; never none.
 * @throws {RangeError} If the models of an ensemble do not fit together.
 */
export async function captionPixels(
  writer: Writer,
  pixels: Uint8Array,
  options: CaptionOptions = {},
): Promise<WrittenCaption[][]> {
  const writers = "model" in writer ? [writer] : writer;
  checkEnsemble(writers);
  const [{ model }] = writers;
  const { size } = model.config.preprocessing;
  const batch = pixels.length / (size * size * 3);
  if (!Number.isInteger(batch) || batch === 0) {
    throw new RangeError(
      `Cannot caption ${pixels.length} bytes: a picture has ${size * size * 3} (${size} × ${size} × 3)`,
    );
  }
  const features = scope(() => {
    const uploaded = uploadPixels(model.backend, pixels);
    return writers.map(({ model }) => model.encode(uploaded, { batch, training: false }));
  });
  return await captionFeatures(writers, features, options);
}

/**
 * Captions pictures that the writers' encoders have looked at: as {@linkcode captionPixels}.
 *
 * @param features [B, P, D] of each writer; they are disposed of.
 */
export async function captionFeatures(
  writers: readonly CaptionWriter[],
  features: readonly Tensor[],
  options: CaptionOptions = {},
): Promise<WrittenCaption[][]> {
  try {
    const members = writers.map(({ model: { decoder } }, i) => ({ decoder, features: features[i] }));
    const together = members.length === 1 ? members[0].decoder : ensembleDecoder(members);
    const captions = "samples" in options
      ? await sampleCaptions(together, features[0], { minWords: 1, ...options })
      : await beamSearch(together, features[0], { minWords: 1, ...options });
    return captions.map((list) => list.map((caption) => write(caption, writers[0].vocabulary.words)));
  } finally {
    for (const each of features) each.dispose();
  }
}

function write(caption: Caption, words: readonly string[]): WrittenCaption {
  const { ids, logProbabilities, alphas, finished, score, final } = caption;
  if (!Number.isFinite(final)) {
    throw new RangeError(
      "Cannot caption: the model's scores are not numbers, its weights are damaged, train it again",
    );
  }
  const length = finished ? ids.length - 1 : ids.length; // the end token is no word
  const written = ids.slice(0, length).map((id, i) => ({
    word: words[id],
    probability: Math.exp(logProbabilities[i]),
    ...(alphas[i] ? { alpha: alphas[i] } : {}),
  }));
  const texts = written.map(({ word }) => word);
  const unspaced = isUnspaced(texts.join("")); // Japanese, Thai and others are written without spaces
  const text = texts.join(unspaced ? "" : " ");
  return { text, words: written, logProbability: score, score: final };
}
