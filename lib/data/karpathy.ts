// This module is browser compatible.
/**
 * The Karpathy files (dataset_coco.json, dataset_flickr8k.json, dataset_flickr30k.json of caption_datasets.zip):
 * pictures, captions, their words, and the split that published results use.
 */

import { buildVocabulary } from "../text/build_vocabulary.ts";
import { type Annotation, type CaptionImage, type CaptionSet, collectCaptions } from "./captions.ts";
import { isId, isRecord, kindOf, show } from "../text/json.ts";
import { splitName } from "./coco.ts";

/** Whether parsed JSON has the Karpathy layout: images that carry their sentences. */
export function isKarpathy(json: unknown): boolean {
  return isRecord(json) && Array.isArray(json.images) && isRecord(json.images[0]) &&
    Array.isArray(json.images[0].sentences);
}

/**
 * Reads a Karpathy file. The split "train" is train and restval together: 113,287 pictures of COCO.
 *
 * The id of a picture is its COCO id where the file has it, else its number in the file. `tokens` holds the words
 * the file gives for each caption: a vocabulary of those that occur more than 5 times has 9,486 words.
 *
 * @throws {SyntaxError} If a picture lacks its name, split or sentences.
 */
export function parseKarpathy(json: unknown, { source }: { source: string }): CaptionSet {
  if (!isRecord(json) || !Array.isArray(json.images)) {
    throw notKarpathy(source, `it has no list "images"`);
  }
  const images: CaptionImage[] = [];
  const annotations: Annotation[] = [];
  for (const [i, image] of json.images.entries()) {
    if (!isRecord(image)) throw notKarpathy(source, `images[${i}] is ${kindOf(image)}, not an object`);
    const { filename, filepath, sentences } = image;
    const id = image.cocoid ?? image.imgid ?? i;
    if (!isId(id)) throw notKarpathy(source, `images[${i}] has the id ${show(id)}, not a whole number`);
    if (typeof filename !== "string") {
      throw notKarpathy(source, `images[${i}].filename is ${show(filename)}, not a name`);
    }
    if (!Array.isArray(sentences)) {
      throw notKarpathy(source, `images[${i}].sentences is ${show(sentences)}, not a list`);
    }
    images.push({
      id,
      fileName: filename,
      ...(typeof filepath === "string" && filepath !== "" ? { folder: filepath } : {}),
      split: splitName(image.split, source),
    });
    for (const [j, sentence] of sentences.entries()) {
      const { raw, tokens } = isRecord(sentence) ? sentence : { raw: undefined, tokens: undefined };
      const words = Array.isArray(tokens) && tokens.every((word) => typeof word === "string")
        ? tokens as string[]
        : undefined;
      const caption = typeof raw === "string" ? raw : words?.join(" ");
      if (caption === undefined) {
        throw notKarpathy(source, `images[${i}].sentences[${j}] has neither "raw" nor "tokens"`);
      }
      annotations.push({ imageId: id, caption, ...(words ? { tokens: words } : {}) });
    }
  }
  return collectCaptions(images, annotations, { source });
}

/** Words that occur more than 5 times in the training captions of the COCO file, as published. */
export const PUBLISHED_WORDS = 9486;
const COCO_PICTURES = 123287;

/**
 * Compares the vocabulary of the whole COCO file with the published figure: a check of the file and of our reader.
 *
 * @returns Words found, or undefined where the set is not that file.
 */
export function karpathyWords(set: CaptionSet): number | undefined {
  const { tokens, images } = set;
  if (!tokens || images.length !== COCO_PICTURES) return undefined;
  const train = images.filter(({ split }) => split === "train").flatMap(({ id }) => tokens.get(id)!);
  return buildVocabulary(train, { minCount: 6 }).coverage.typesKept;
}

/**
 * The same captions with the split told by lists of file names, one a line (coco_train.txt, coco_restval.txt …).
 *
 * Pictures in no list are left out of every split of their own: they keep what they had.
 *
 * @param lists Text of each list by its split's name, "restval" counts as "train".
 */
export function splitByLists(set: CaptionSet, lists: Readonly<Record<string, string>>): CaptionSet {
  const splits = new Map<string, ReturnType<typeof splitName>>();
  for (const [name, text] of Object.entries(lists)) {
    const split = splitName(name, `the split list "${name}"`);
    for (const line of text.split("\n")) {
      const fileName = line.trim().split("/").at(-1)!;
      if (fileName !== "") splits.set(fileName, split);
    }
  }
  const images = set.images.map((image) => {
    const split = splits.get(image.fileName.split("/").at(-1)!);
    return split ? { ...image, split } : image;
  });
  return { ...set, images };
}

function notKarpathy(source: string, problem: string): SyntaxError {
  return new SyntaxError(
    `Cannot read ${source} as a Karpathy file: ${problem}, it should look like {"images": [{"filename": ` +
      `"dog.jpg", "split": "train", "sentences": [{"raw": "A dog runs.", "tokens": ["a", "dog", "runs"]}]}]}`,
  );
}
