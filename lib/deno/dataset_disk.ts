// This module runs in Deno only.
/** Opens a dataset from disk: captions, pictures (packed first where they are not), vocabulary, splits. */

import { basename } from "node:path";
import {
  type CaptionProblem,
  type CaptionReport,
  type CaptionSet,
  count,
  counted,
  describeReport,
} from "../data/captions.ts";
import { buildDataset, type Dataset, type DatasetOptions } from "../data/dataset.ts";
import type { FeatureOrigin } from "../data/feature_origin.ts";
import { sha256 } from "../data/sha256.ts";
import { geometryOf, type Preprocessing } from "../image/preprocess.ts";
import { type FoundCaptions, readCaptions } from "./caption_reader.ts";
import { findPictures, type FoundPictures } from "./picture_finder.ts";
import {
  openShards,
  type PictureFile,
  prepareShards,
  type ShardOptions,
  type ShardReport,
} from "./shards.ts";

export { readCaptions } from "./caption_reader.ts";

/** Where captions and pictures are. */
export interface DataPlace {
  /** Folder of downloads: `annotations`, `img` and `shards` are inside. Default "data". */
  readonly data?: string;
  /** A caption file, or a folder with some. Default: `annotations` in `data`. */
  readonly annotations?: string;
  /** Folder of the pictures. Default: `img` in `data`; with `annotations`, beside them. */
  readonly images?: string;
  /** Which captions, where the folder holds several sets: "karpathy", "coco2014" … Default: the preferred one. */
  readonly dataset?: string;
}

/** Options of {@linkcode openDataset}. */
export interface OpenDatasetOptions extends DataPlace, DatasetOptions, Omit<ShardOptions, "preprocessing"> {
  /** Packed pictures are held in memory up to this many bytes. Default 1.5e9. */
  readonly memoryBytes?: number;
}

/** A dataset with the files it came from. */
export interface DiskDataset extends Dataset {
  /** The caption files. */
  readonly paths: readonly string[];
  /** The folder of the pictures. */
  readonly images: string;
  /** The folder of the packed pictures. */
  readonly shards: string;
  /** The picture files by the picture's id. */
  readonly files: ReadonlyMap<number, PictureFile>;
  /** What the caption files hold, with their problems. */
  readonly captionReport: CaptionReport;
  /** Pictures missing on disk, and files without captions. */
  readonly pictureProblems: readonly CaptionProblem[];
  readonly shardReport: ShardReport;
  /** Closes the packed pictures' file. */
  close(): void;
}

/** Captions with the pictures that are on disk. */
export interface FoundData extends FoundCaptions {
  /** The folder of the pictures. */
  readonly images: string;
  readonly pictures: FoundPictures;
}

/**
 * Reads captions and finds their pictures.
 *
 * @throws {Deno.errors.NotFound} If there are no captions or no picture folder.
 * @throws {SyntaxError} If a caption file has a fault.
 */
export async function findData(place: DataPlace): Promise<FoundData> {
  const { data = "data", annotations, dataset } = place;
  const found = await readCaptions(annotations ?? `${data}/annotations`, { dataset });
  const images = place.images ??
    (annotations === undefined ? `${data}/img` : await imagesBeside(found.folder));
  return { ...found, images, pictures: await findPictures(found.set.images, images) };
}

/**
 * Opens a dataset for training and evaluation, packing what is not packed yet.
 *
 * @throws {Deno.errors.NotFound} If there are no captions or pictures.
 * @throws {SyntaxError} If a caption file has a fault.
 * @throws {RangeError} If no picture has both captions and pixels, or no word occurs often enough.
 */
export async function openDataset(options: OpenDatasetOptions): Promise<DiskDataset> {
  return await openFound(await findData(options), options);
}

/** The same for captions and pictures that {@linkcode findData} found. */
export async function openFound(found: FoundData, options: OpenDatasetOptions): Promise<DiskDataset> {
  const { data = "data", preprocessing, memoryBytes } = options;
  const { set, images, pictures } = found;
  const files = [...pictures.files.values()];
  if (files.length === 0) throw nothingFound(set, images);
  const dir = await shardFolder(data, images, preprocessing);
  const shardReport = await prepareShards(dir, files, options);
  if (shardReport.bad.length === files.length) {
    throw new RangeError(
      `Cannot use the pictures in ${images}: none of ${files.length} can be decoded ` +
        `(${shardReport.bad[0].name}: ${shardReport.bad[0].reason})`,
    );
  }
  const shards = await openShards(dir, { memoryBytes });
  try {
    const dataset = await buildDataset(set, {
      size: shards.size,
      record: ({ id }) => {
        const file = pictures.files.get(id);
        return file && shards.find(file.name);
      },
      pixels: (records, out) => shards.pixels(records, out),
    }, options);
    return {
      ...dataset,
      paths: found.paths,
      images,
      shards: dir,
      files: pictures.files,
      captionReport: set.report,
      pictureProblems: pictures.problems,
      shardReport,
      close: () => shards.close(),
    };
  } catch (error) {
    shards.close();
    throw error;
  }
}

/** What a person should know of a dataset, in lines: sizes of the splits, then what was left out and why. */
export function describeDataset(dataset: DiskDataset): string[] {
  const { captionReport, pictureProblems, shardReport, report, vocabulary } = dataset;
  const lines = describeReport({
    ...captionReport,
    problems: [...captionReport.problems, ...pictureProblems],
  });
  if (shardReport.bad.length > 0) {
    lines.push(`  ${count(shardReport.bad.length)} pictures cannot be decoded and are left out:`);
    for (const { name, reason } of shardReport.bad.slice(0, 5)) lines.push(`    ${name}: ${reason}`);
    if (shardReport.bad.length > 5) lines.push(`    … all are in ${dataset.shards}/index.jsonl`);
  }
  if (report.captionsCut > 0) lines.push(`  ${count(report.captionsCut)} captions are longer and were cut`);
  for (const split of [dataset.train, dataset.val, dataset.test]) {
    if (split) {
      lines.push(
        `${split.name}: ${counted(split.images.length, "picture")}, ${
          counted(split.tokens.captions, "caption")
        }`,
      );
    }
  }
  lines.push(`vocabulary: ${count(vocabulary.size)} ids, data ${dataset.hash.slice(0, 12)}`);
  return lines;
}

/** One folder for each picture folder and way of resizing, so that several live side by side. */
async function shardFolder(data: string, images: string, preprocessing: Preprocessing): Promise<string> {
  const real = await Deno.realPath(images);
  const suffix = await shortHash(JSON.stringify([real, geometryOf(preprocessing)]));
  return `${data}/shards/${folderName(real)}-${preprocessing.size}-${suffix}`;
}

/** One folder for each picture folder, encoder, its weights, and way of preprocessing. */
export async function featureFolder(data: string, images: string, origin: FeatureOrigin): Promise<string> {
  const real = await Deno.realPath(images);
  const suffix = await shortHash(JSON.stringify([real, origin]));
  return `${data}/features/${
    folderName(real)
  }-${origin.encoder.encoder}-${origin.preprocessing.size}-${suffix}`;
}

function folderName(path: string): string {
  return basename(path).replace(/[^\w.-]/g, "_") || "root";
}

/** Eight hexadecimal digits. */
async function shortHash(text: string): Promise<string> {
  return (await sha256(text)).slice(0, 8);
}

/** Pictures of one's own: in a folder `images`, `img` or `photos` beside the captions, else in the same folder. */
async function imagesBeside(folder: string): Promise<string> {
  for (const name of ["images", "img", "photos"]) {
    try {
      if ((await Deno.stat(`${folder}/${name}`)).isDirectory) return `${folder}/${name}`;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return folder;
}

/**
 * The error where none of the captions' pictures is on disk: what was looked for, and what to do.
 *
 * @param action What cannot be done: "plot", "make the table". Default: "start".
 */
export function nothingFound(set: CaptionSet, images: string, action = "start"): RangeError {
  if (set.images.length === 0) {
    const found = set.report.problems.map(({ what, count: number }) => `${count(number)} ${what}`).join(", ");
    return new RangeError(
      `Cannot ${action}: ${set.report.source} holds no picture with a caption (${found || "it is empty"}), ` +
        `name another with --annotations`,
    );
  }
  const examples = set.images.slice(0, 3).map(({ fileName }) => fileName).join(", ");
  return new RangeError(
    `Cannot ${action}: none of the ${
      count(set.images.length)
    } pictures of ${set.report.source} is in ${images} ` +
      `(looked for ${examples}), run \`deno task download\` or name the folder with --images`,
  );
}
