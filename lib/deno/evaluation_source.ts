// This module runs in Deno only.
/** What is evaluated: a file of captions, or what a model writes of a split. */

import type { SplitName } from "../data/captions.ts";
import { parseJson } from "../data/formats.ts";
import { PictureError } from "../image/picture_error.ts";
import { resizeBilinear } from "../image/resize.ts";
import type { Split } from "../data/dataset.ts";
import { calibrate, type Calibration } from "../models/calibrate.ts";
import { captionSplit } from "../models/caption_split.ts";
import type { LoadedModel } from "../models/model_file.ts";
import type { ImageId } from "../text/encode_captions.ts";
import { percent } from "../text/percent.ts";
import { type CaptionResult, parseResults } from "../text/results.ts";
import { readCaptions, readText } from "./caption_reader.ts";
import { type DataPlace, openDataset } from "./dataset_disk.ts";
import { decodeFile } from "./decode.ts";
import { encodeJpeg } from "./encode.ts";
import { UsageError } from "./cli.ts";
import { findModel } from "./find_model.ts";
import { loadModels } from "./model_disk.ts";
import { type DeviceWish, openDevice } from "./open_device.ts";
import { progressBar } from "./progress.ts";
import { type SearchFlags, searchPlan } from "./search_options.ts";
import { packingProgress } from "./training.ts";

/** Captions to score. */
export interface EvaluationSource {
  /** For people: the model or file, and what it is scored on. */
  readonly title: string;
  /** Where the references are from: names their document frequencies. */
  readonly captions: string;
  /** Captions of each image, as people wrote them. */
  readonly references: ReadonlyMap<ImageId, readonly string[]>;
  /** One generated caption an image. */
  readonly results: readonly CaptionResult[];
  /** All captions the search kept of each image, where a model wrote them. */
  readonly candidates?: ReadonlyMap<ImageId, readonly string[]>;
  /** Words the model knows. */
  readonly vocabularySize?: number;
  /** Captions it was trained on. */
  readonly trainingCaptions?: readonly string[];
  /** How sure the model's words are, where that was asked for. */
  readonly calibration?: Calibration;
  /** Where each image's picture is. */
  readonly pictures: ReadonlyMap<ImageId, string>;
}

/**
 * A file in COCO's result format against the captions of `annotations`.
 *
 * @throws {SyntaxError} If a file is not in its format.
 */
export async function fileSource(resultsPath: string, place: DataPlace): Promise<EvaluationSource> {
  const found = await readCaptions(place.annotations ?? `${place.data ?? "data"}/annotations`, place);
  const results = await readResults(resultsPath);
  const { images } = place;
  const captions = found.paths.join(", ");
  const pictures = found.set.images.map(({ id, fileName }) => [id, `${images}/${fileName}`] as const);
  return {
    title: `${resultsPath} on ${captions}`,
    captions,
    references: found.set.captions,
    results,
    pictures: new Map(images ? pictures : []),
  };
}

/** What is in a file of JSON. @param hint What to do when it is not there. @throws {SyntaxError} If it is none. */
export async function readJson(path: string, hint = "check the path"): Promise<unknown> {
  return parseJson(await readText(path, hint), { source: path });
}

/** Reads `[{ image_id, caption }]`. */
export async function readResults(path: string): Promise<CaptionResult[]> {
  const hint = "check the path, or write one with `deno task evaluate --model FILE --save-results OUT.json`";
  return parseResults(await readJson(path, hint), { source: path });
}

/** Options of {@linkcode modelSource}. */
export interface ModelSourceOptions extends DataPlace, SearchFlags, DeviceWish {
  /** Several write together; none: the newest of training's and the demo's. */
  readonly model: readonly string[];
  readonly split: SplitName;
  readonly beam: number;
  readonly lengthAlpha: number;
  /** Fit a temperature: {@linkcode EvaluationSource.calibration}. Default false. */
  readonly calibrate?: boolean;
  readonly valShare?: number;
}

/**
 * What a model writes of a split of a dataset.
 *
 * @throws {UsageError} If several models should be calibrated.
 * @throws {RangeError} If the dataset has no such split.
 */
export async function modelSource(options: ModelSourceOptions): Promise<EvaluationSource> {
  const files = options.model.length > 0 ? options.model : [await findModel(options.data ?? "data")];
  const path = files.join(", ");
  if (options.calibrate && files.length > 1) {
    throw new UsageError("Cannot calibrate several models together: name one with --model");
  }
  const backend = await openDevice(options);
  try {
    const models = await loadModels(backend, files);
    const [loaded] = models;
    console.error(`evaluating ${path} on ${backend.description}`);
    const { config } = loaded.model;
    const { vocabulary, info } = loaded;
    const packing = packingProgress();
    const dataset = await openDataset({
      ...options,
      preprocessing: config.preprocessing,
      vocabulary,
      words: info.wordSource,
      ...packing,
    }).finally(packing.done);
    try {
      const split = dataset[options.split];
      if (!split || split.images.length === 0) {
        throw new RangeError(
          `Cannot evaluate the split "${options.split}": it has no pictures; choose with --split one that has: ` +
            `${
              (["train", "val", "test"] as const).filter((name) => dataset[name]?.images.length).join(", ")
            }`,
        );
      }
      const bar = progressBar({ label: "Captioning", total: split.images.length, unit: "pictures" });
      const { beam } = options;
      const captions = await captionSplit(models, split, {
        ...searchPlan(options, vocabulary),
        onProgress: (done) => bar.update(done),
      }).finally(() => bar.done());
      const calibration = options.calibrate ? await fitTemperature(loaded, split) : undefined;
      const ids = split.imageIds;
      const references = `${options.split} of ${dataset.paths.join(", ")}`;
      return {
        title: `${path} on ${references}`,
        captions: references,
        references: new Map(ids.map((id, i) => [id, split.captions[i]])),
        results: ids.map((id, i) => ({ image_id: id, caption: captions[i][0].text })),
        candidates: beam > 1
          ? new Map(ids.map((id, i) => [id, captions[i].map(({ text }) => text)]))
          : undefined,
        calibration,
        vocabularySize: vocabulary.size - 4,
        trainingCaptions: dataset.train.captions.flat(),
        pictures: new Map(split.images.map(({ id, fileName }) => [id, `${dataset.images}/${fileName}`])),
      };
    } finally {
      dataset.close();
    }
  } finally {
    backend.close();
  }
}

async function fitTemperature(
  { model }: LoadedModel,
  split: Split,
): Promise<Calibration> {
  let bar: ReturnType<typeof progressBar> | undefined;
  return await calibrate(model, split, {
    onProgress(done, total) {
      bar ??= progressBar({ label: "Calibrating", total, unit: "batches" });
      bar.update(done);
    },
  }).finally(() => bar?.done());
}

/** What a calibration found, a line each, for people. */
export function calibrationLines({ temperature, edge, before, after }: Calibration): string[] {
  const { expected, confidence, accuracy } = before;
  return [
    `calibration: words are ${percent(confidence)} sure and ${percent(accuracy)} right, ` +
    `expected calibration error ${percent(expected)} on half of the pictures`,
    `  --temperature ${temperature.toFixed(3)}, fitted on the others, makes that ${percent(after.expected)}`,
    ...edge
      ? [
        `  (the ${edge} temperature tried: the best lies beyond it, see whether the model has learnt at all)`,
      ]
      : [],
  ];
}

/** Longest side of a picture on a card, in pixels: 24 photographs as they are would make a page of 5 MB. */
const SHOWN_SIDE = 360;

/** A picture, made smaller, as a `data:` URI; nothing where it cannot be read. */
export async function pictureUri(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    const pixels = await decodeFile(path);
    const factor = Math.min(1, SHOWN_SIDE / Math.max(pixels.width, pixels.height));
    const size = {
      width: Math.max(1, Math.round(pixels.width * factor)),
      height: Math.max(1, Math.round(pixels.height * factor)),
    };
    const jpeg = await encodeJpeg(factor < 1 ? resizeBilinear(pixels, size) : pixels);
    return `data:image/jpeg;base64,${jpeg.toBase64()}`;
  } catch (error) {
    if (error instanceof PictureError) return undefined; // the card says so in its place
    throw error;
  }
}
