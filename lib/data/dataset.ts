// This module is browser compatible.
/** A dataset ready for training and evaluation: splits with pixels and token ids, one vocabulary, one hash. */

import type { Preprocessing } from "../image/preprocess.ts";
import { buildVocabulary, type Coverage } from "../text/build_vocabulary.ts";
import { tokenizer, type TokenizerName } from "../text/tokenize.ts";
import type { Vocabulary } from "../text/vocabulary.ts";
import type { BatchSource } from "./batches.ts";
import type { CaptionImage, CaptionSet, SplitName } from "./captions.ts";
import { sha256 } from "./sha256.ts";
import { assignSplits } from "./splits.ts";
import { encodeCaptions, type TokenTable } from "./token_table.ts";

/** Where a dataset's words come from: a tokenizer, or the caption file itself. */
export type WordSource = TokenizerName | "given";

/** Where pixels come from. */
export interface PixelSource {
  /** Width and height of a picture in pixels. */
  readonly size: number;
  /** Number of a picture's record, or undefined where there is none. */
  record(image: CaptionImage): number | undefined;
  /** Pixels [B, size, size, 3] of records. */
  pixels(records: ArrayLike<number>, out?: Uint8Array): Uint8Array;
}

/** Pictures with captions for one purpose. */
export interface Split extends BatchSource {
  readonly name: SplitName;
  readonly images: readonly CaptionImage[];
  /** All captions of each picture as written: the references of an evaluation. */
  readonly captions: readonly (readonly string[])[];
}

/** What went into a dataset. */
export interface DatasetReport {
  /** Captions whose words beyond `maxWords` were cut. */
  readonly captionsCut: number;
  /** What the vocabulary covers of the training captions; undefined where it was given. */
  readonly coverage: Coverage | undefined;
}

/** Everything training and evaluation read. */
export interface Dataset {
  /** Width and height of a picture in pixels. */
  readonly size: number;
  readonly preprocessing: Preprocessing;
  readonly vocabulary: Vocabulary;
  /** Where the words come from. */
  readonly words: WordSource;
  readonly train: Split;
  /** Empty when there are fewer than 2 pictures or none are held out. */
  readonly val: Split;
  /** Where the caption file names one. */
  readonly test: Split | undefined;
  /** SHA-256 of file names, splits, captions and preprocessing: model files and checkpoints record it. */
  readonly hash: string;
  readonly report: DatasetReport;
}

/** Options of {@linkcode buildDataset}. */
export interface DatasetOptions {
  readonly preprocessing: Preprocessing;
  /** Words that occur less often in the training captions become unknown. Default 6. */
  readonly minCount?: number;
  /** Takes the place of one made from the training captions: a trained model's. */
  readonly vocabulary?: Vocabulary;
  /** Default: "given" where the caption file holds words, else "auto". */
  readonly words?: WordSource;
  /** Captions are cut behind this many words. Default 50. */
  readonly maxWords?: number;
  /** See {@linkcode assignSplits}. */
  readonly valShare?: number;
  /** Which of a picture's captions train: all, or only the first. Validation always has all. Default "all". */
  readonly captions?: "all" | "first";
}

/**
 * Puts captions and pixels together. Pictures without pixels are left out.
 *
 * @throws {RangeError} If no picture is left, or no word occurs often enough.
 */
export async function buildDataset(
  set: CaptionSet,
  pixels: PixelSource,
  options: DatasetOptions,
): Promise<Dataset> {
  const { preprocessing, minCount, valShare, maxWords, captions = "all" } = options;
  const { words = set.tokens ? "given" : "auto" } = options;
  const images = set.images.filter((image) => pixels.record(image) !== undefined);
  const splits = assignSplits(images, { valShare });
  const wordsOf = wordSource(set, words);
  const trainWords = splits.train.map(wordsOf);
  if (captions === "first") trainWords.forEach((list, i) => trainWords[i] = list.slice(0, 1));
  const built = options.vocabulary ? undefined : buildVocabulary(trainWords.flat(), { minCount });
  const vocabulary = options.vocabulary ?? built!.vocabulary;
  let captionsCut = 0;
  const makeSplit = (name: SplitName, splitWords: readonly (readonly (readonly string[])[])[]): Split => {
    const { table, cut } = encodeCaptions(splitWords, vocabulary, { maxWords });
    captionsCut += cut;
    return new PixelSplit(name, splits[name], set, table, pixels);
  };
  return {
    size: preprocessing.size,
    preprocessing,
    vocabulary,
    words,
    train: makeSplit("train", trainWords),
    val: makeSplit("val", splits.val.map(wordsOf)),
    test: splits.test.length > 0 ? makeSplit("test", splits.test.map(wordsOf)) : undefined,
    hash: await hashOf(splits, set, preprocessing),
    report: { captionsCut, coverage: built?.coverage },
  };
}

/**
 * From a picture to the words of each of its captions.
 *
 * @throws {RangeError} If the words should be given and the file has none, or there is no such tokenizer.
 */
function wordSource(
  set: CaptionSet,
  words: WordSource,
): (image: CaptionImage) => readonly (readonly string[])[] {
  if (words === "given") {
    const { tokens } = set;
    if (!tokens) {
      throw new RangeError(
        `Cannot take the words from ${set.report.source}: it holds captions only, name a tokenizer`,
      );
    }
    return (image) => tokens.get(image.id)!;
  }
  const tokenize = tokenizer(words);
  return (image) => set.captions.get(image.id)!.map(tokenize);
}

class PixelSplit implements Split {
  readonly imageIds: readonly number[];
  readonly captions: readonly (readonly string[])[];
  readonly #source: PixelSource;
  readonly #records: Uint32Array;

  constructor(
    readonly name: SplitName,
    readonly images: readonly CaptionImage[],
    set: CaptionSet,
    readonly tokens: TokenTable,
    source: PixelSource,
  ) {
    this.imageIds = images.map((image) => image.id);
    this.captions = images.map((image) => set.captions.get(image.id)!);
    this.#source = source;
    this.#records = Uint32Array.from(images, (image) => source.record(image)!);
  }

  get size(): number {
    return this.#source.size;
  }

  pixels(images: ArrayLike<number>, out?: Uint8Array): Uint8Array {
    return this.#source.pixels(Uint32Array.from(images, (i) => this.#records[i]), out);
  }
}

/** SHA-256 in hexadecimal digits of what decides a training run's data, without times or folders. */
async function hashOf(
  splits: Readonly<Record<SplitName, readonly CaptionImage[]>>,
  set: CaptionSet,
  preprocessing: Preprocessing,
): Promise<string> {
  const content: unknown[] = [preprocessing];
  for (const [name, images] of Object.entries(splits)) {
    for (const image of images) content.push(name, image.fileName, set.captions.get(image.id));
  }
  return await sha256(JSON.stringify(content));
}
