// This module is browser compatible.
/** COCO's caption format: `{ images: [{ id, file_name }], annotations: [{ image_id, caption }] }`. */

import { isId, isRecord, kindOf, show } from "../text/json.ts";
import {
  type Annotation,
  type CaptionImage,
  type CaptionSet,
  collectCaptions,
  type SplitName,
} from "./captions.ts";

export type { CaptionImage, CaptionReport, CaptionSet, SplitName } from "./captions.ts";

/** The smallest file of the format: what an error shows to someone who has another. */
const COCO_EXAMPLE =
  '{"images": [{"id": 1, "file_name": "dog.jpg"}], "annotations": [{"id": 1, "image_id": 1, "caption": "A dog runs."}]}';

/**
 * Reads captions in COCO's format, all of them for every picture.
 *
 * `karpathy_split` or `split` of an image is honoured, "restval" counts as "train".
 *
 * @param json What `JSON.parse` made of the file.
 * @throws {SyntaxError} If it is not COCO: says what is missing and shows the layout.
 */
export function parseCaptions(json: unknown, { source }: { source: string }): CaptionSet {
  if (!isRecord(json)) throw notCoco(source, `it holds ${kindOf(json)}, not an object`);
  const { images, annotations } = json;
  if (!Array.isArray(images)) throw notCoco(source, missing(json, "images"));
  if (!Array.isArray(annotations)) throw notCoco(source, missing(json, "annotations"));
  return collectCaptions(cocoImages(images, source), cocoAnnotations(annotations, source), { source });
}

/** Every caption of each picture by its id, as the tutorial's dictionary, but none lost. */
export function captionsByImage(set: CaptionSet): ReadonlyMap<number, readonly string[]> {
  return set.captions;
}

/**
 * The split that a file's word for it means.
 *
 * @throws {SyntaxError} If the word is none of them.
 */
export function splitName(word: unknown, source: string): SplitName {
  switch (word) {
    case "train":
    case "restval": // Karpathy: the part of val2014 that everyone trains on
      return "train";
    case "val":
    case "valid":
    case "validation":
    case "dev":
      return "val";
    case "test":
      return "test";
    default:
      throw new SyntaxError(
        `Cannot read ${source}: the split ${JSON.stringify(word)} is unknown, ` +
          `it should be "train", "restval", "val" or "test"`,
      );
  }
}

function* cocoImages(images: readonly unknown[], source: string): Generator<CaptionImage> {
  for (const [i, image] of images.entries()) {
    if (!isRecord(image)) throw notCoco(source, `images[${i}] is ${kindOf(image)}, not an object`);
    const { id, file_name, width, height } = image;
    const split = image.karpathy_split ?? image.split;
    if (!isId(id)) throw notCoco(source, `images[${i}].id is ${show(id)}, not a whole number`);
    if (typeof file_name !== "string") {
      throw notCoco(source, `images[${i}].file_name is ${show(file_name)}, not a name`);
    }
    yield {
      id,
      fileName: file_name,
      ...(typeof width === "number" && typeof height === "number" ? { width, height } : {}),
      ...(split === undefined ? {} : { split: splitName(split, source) }),
    };
  }
}

function* cocoAnnotations(annotations: readonly unknown[], source: string): Generator<Annotation> {
  for (const [i, annotation] of annotations.entries()) {
    if (!isRecord(annotation)) {
      throw notCoco(source, `annotations[${i}] is ${kindOf(annotation)}, not an object`);
    }
    const { image_id, caption } = annotation;
    if (!isId(image_id)) {
      throw notCoco(source, `annotations[${i}].image_id is ${show(image_id)}, not a whole number`);
    }
    if (typeof caption !== "string") {
      const hint = "bbox" in annotation
        ? " (it looks like instances_*.json or person_keypoints_*.json: take the captions_*.json beside it)"
        : "";
      throw notCoco(source, `annotations[${i}].caption is ${show(caption)}, not a text${hint}`);
    }
    yield { imageId: image_id, caption };
  }
}

function missing(json: Record<string, unknown>, key: string): string {
  const keys = Object.keys(json).slice(0, 8).map((name) => `"${name}"`).join(", ") || "nothing";
  return key in json
    ? `"${key}" is ${kindOf(json[key])}, not a list`
    : `it has no list "${key}" (found: ${keys})`;
}

function notCoco(source: string, problem: string): SyntaxError {
  return new SyntaxError(
    `Cannot read ${source} as COCO captions: ${problem}, it should look like ${COCO_EXAMPLE}`,
  );
}
