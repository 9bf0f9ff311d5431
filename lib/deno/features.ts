// This module runs in Deno only.
/**
 * Features on disk: with a frozen encoder every picture goes through it once, and training reads what came out.
 *
 * A folder is a shard folder (see `shards.ts`) whose records are features [P, D] in f16 or f32, and whose first line
 * says which encoder with which weights made them of which pixels. What differs in anything of that lies in a folder
 * of its own, and a picture that has changed since is made anew: outdated features are never used.
 */

import type { FeatureSource } from "../data/feature_batches.ts";
import type { FeatureOrigin, FeatureType } from "../data/feature_origin.ts";
import type { CaptionModel } from "../models/caption_model.ts";
import { uploadPixels } from "../models/device_batch.ts";
import { encoderHash } from "../models/encoder_hash.ts";
import { scope } from "../scope.ts";
import { readAndFree } from "../tensor.ts";
import { featureBytes, FeatureDecoder } from "./feature_records.ts";
import type { FeatureAnswer, FeatureJob } from "./feature_worker.ts";
import { JobPool } from "./job_pool.ts";
import { mapAhead } from "./map_ahead.ts";
import { countKept, type FillOptions, fillShards, type ShardReport } from "./shard_fill.ts";
import { FEATURES } from "./shard_format.ts";
import { openRecords, type OpenRecordsOptions } from "./shard_reader.ts";
import type { PictureFile } from "./shard_writer.ts";

/** What the features of a model's encoder are told apart by. */
export async function featureOrigin(model: CaptionModel, type: FeatureType): Promise<FeatureOrigin> {
  const { encoder, channels, grid, variant, preprocessing } = model.config;
  return {
    encoder: { encoder, channels, grid, variant },
    weights: await encoderHash(model.parameters),
    preprocessing,
    positions: model.encoder.positions,
    channels: model.encoder.channels,
    type,
  };
}

/** Packed pixels of pictures by their names. */
export interface PixelsByName {
  find(name: string): number | undefined;
  pixels(records: ArrayLike<number>): Uint8Array;
}

/** Options of {@linkcode prepareFeatures}. */
export interface PrepareFeaturesOptions extends FillOptions {
  readonly model: CaptionModel;
  readonly origin: FeatureOrigin;
  readonly pixels: PixelsByName;
  /** Pictures that go through the encoder at once. Default 16. */
  readonly batch?: number;
}

/** Batches on the device at once: one computes while the other is read. */
const IN_FLIGHT = 2;

/**
 * Makes the features that are not there yet. Where all are, nothing is written.
 *
 * @param dir Made when missing.
 * @param pictures All with pixels.
 * @throws {Error} If the folder cannot be written, or `signal` aborts.
 * @throws {RangeError} If a number is too large for f16.
 */
export async function prepareFeatures(
  dir: string,
  pictures: readonly PictureFile[],
  { model, origin, pixels, batch = 16, ...fill }: PrepareFeaturesOptions,
): Promise<ShardReport> {
  const encode = async ({ pictures: group, wanted }: Group): Promise<Uint8Array[]> => {
    const packed = pixels.pixels(group.map(({ name }) => pixels.find(name)!));
    const features = scope(() =>
      model.encode(uploadPixels(model.backend, packed), { batch: group.length, training: false })
    );
    const numbers = Float32Array.from((await readAndFree([features]))[0]);
    const each = numbers.length / group.length;
    const { type } = origin;
    const record = (name: string, i: number) =>
      featureBytes(numbers.slice(i * each, (i + 1) * each), { type, name });
    return group.flatMap((picture, i) => wanted.has(picture) ? [record(picture.name, i)] : []);
  };
  return await fillShards({ dir, format: FEATURES }, pictures, {
    ...fill,
    origin,
    async *make(wanted) {
      for await (const records of mapAhead(groupsOf(pictures, wanted, batch), encode, { ahead: IN_FLIGHT })) {
        yield* records;
      }
    },
  });
}

/** A batch, and which of its pictures are wanted. */
interface Group {
  readonly pictures: readonly PictureFile[];
  readonly wanted: ReadonlySet<PictureFile>;
}

/**
 * Batches that hold what is wanted. A picture's batch is always the same, whatever is there already: a library may round
 * otherwise where it stands elsewhere, and a resumed run should make what an uninterrupted one makes.
 */
function* groupsOf(
  pictures: readonly PictureFile[],
  wanted: readonly PictureFile[],
  size: number,
): Generator<Group> {
  const all = new Set(wanted);
  for (let i = 0; i < pictures.length; i += size) {
    const group = pictures.slice(i, i + size);
    const these = new Set(group.filter((picture) => all.has(picture)));
    if (these.size > 0) yield { pictures: group, wanted: these };
  }
}

/** How many of the pictures have features of this origin, made from the files as they are. */
export async function countFeatures(
  dir: string,
  pictures: readonly PictureFile[],
  origin: FeatureOrigin,
): Promise<number> {
  return await countKept({ dir, format: FEATURES }, pictures, origin);
}

/** Features, open for reading. */
export interface Features {
  readonly origin: FeatureOrigin;
  /** Whether all of them are held in memory. */
  readonly inMemory: boolean;
  /** Those of some pictures, by their numbers in the list. */
  source(pictures: readonly PictureFile[]): FeatureSource;
  close(): void;
  [Symbol.dispose](): void;
}

/**
 * Opens a folder that {@linkcode prepareFeatures} filled. What does not fit into memory is read by a worker, ahead of
 * its use.
 *
 * @throws {Error} If the folder holds no features.
 */
export async function openFeatures(dir: string, options: OpenRecordsOptions = {}): Promise<Features> {
  const file = await openRecords(dir, FEATURES, options);
  const { origin, inMemory } = file;
  const decoder = new FeatureDecoder(file);
  const pool = inMemory ? undefined : new JobPool<FeatureJob, FeatureAnswer>(WORKER, 1);
  const length = origin.positions * origin.channels;
  const close = () => {
    file.close();
    pool?.close();
  };
  return {
    origin,
    inMemory,
    source(pictures) {
      const numbers = Uint32Array.from(pictures, ({ name }) => {
        const { record } = file.entry(name) ?? {};
        if (record === undefined) {
          throw new Error(
            `Cannot read the features of ${name}: ${dir} has none, run \`${FEATURES.command}\``,
          );
        }
        return record;
      });
      return {
        length,
        alloc: (count) => new Float32Array(new SharedArrayBuffer(count * length * 4)),
        async read(images, out) {
          const records = Uint32Array.from(images, (image) => numbers[image]);
          if (!pool) return decoder.read(records, out);
          const problem = await pool.run({ dir, records, out });
          if (problem) throw new Error(problem);
        },
      };
    },
    close,
    [Symbol.dispose]: close,
  };
}

const WORKER = new URL("./feature_worker.ts", import.meta.url);
