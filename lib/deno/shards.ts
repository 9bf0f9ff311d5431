// This module runs in Deno only.
/**
 * Shards: every picture decoded and resized once, its bytes kept in one file, so that training never decodes.
 *
 * A folder holds `pixels.u8`, records of [size, size, 3] bytes one after another, and `index.jsonl`: a header, then
 * one line a picture with its name, size, time of change and its record's CRC-32. Both only grow, the pixels first,
 * so an interrupted run goes on where it stopped, new pictures are added and changed ones are decoded anew. A picture
 * that cannot be decoded has a line with the reason in place of a record.
 */

import { geometryOf, type Preprocessing } from "../image/preprocess.ts";
import { mapPictures, openPicturePool, type PicturePool } from "./picture_pool.ts";
import { type FillOptions, fillShards, type ShardReport } from "./shard_fill.ts";
import { PIXELS } from "./shard_format.ts";
import { openRecords, type OpenRecordsOptions } from "./shard_reader.ts";
import type { PictureFile } from "./shard_writer.ts";

export type { BadPicture, ShardReport } from "./shard_fill.ts";
export type { PictureFile } from "./shard_writer.ts";

/** Options of {@linkcode prepareShards}. */
export interface ShardOptions extends FillOptions {
  readonly preprocessing: Preprocessing;
  /** Workers that decode. Default: as many as the machine has cores. */
  readonly threads?: number;
  /** Pictures with more pixels are refused by their header. Default: the pool's. */
  readonly maxPixels?: number;
  /** Decodes in place of a pool with these threads; it is not closed. */
  readonly pool?: PicturePool;
}

/**
 * Packs the pictures that are not packed yet. Where all are, nothing is written.
 *
 * @param dir Made when missing.
 * @throws {Error} If the folder cannot be written, or `signal` aborts.
 */
export async function prepareShards(
  dir: string,
  pictures: readonly PictureFile[],
  options: ShardOptions,
): Promise<ShardReport> {
  const { preprocessing, threads, maxPixels, pool: given, ...fill } = options;
  return await fillShards({ dir, format: PIXELS }, pictures, {
    ...fill,
    origin: geometryOf(preprocessing),
    async *make(wanted) {
      const pool = given ?? openPicturePool({ threads, maxPixels });
      try {
        const paths = wanted.map(({ path }) => path);
        for await (const { pixels, error } of mapPictures(pool, paths, preprocessing)) yield pixels ?? error;
      } finally {
        if (!given) pool.close();
      }
    },
  });
}

/** Packed pictures, open for reading. */
export interface Shards {
  /** Width and height of each picture in pixels. */
  readonly size: number;
  /** Records, outdated ones included. */
  readonly records: number;
  /** Whether all of them are held in memory. */
  readonly inMemory: boolean;
  /** Number of a picture's record, or undefined where it has none. */
  find(name: string): number | undefined;
  /**
   * Pixels of records, one after another.
   *
   * @param out Where they go. Default: a new array.
   * @returns Bytes [records.length, size, size, 3].
   * @throws {RangeError} If there is no such record, or `out` has another length.
   * @throws {Error} If a record's bytes are not those that were written.
   */
  pixels(records: ArrayLike<number>, out?: Uint8Array): Uint8Array;
  /** Closes the file. */
  close(): void;
  [Symbol.dispose](): void;
}

/**
 * Opens a folder that `prepareShards` filled.
 *
 * @throws {Error} If the folder holds no shards.
 */
export async function openShards(dir: string, options: OpenRecordsOptions = {}): Promise<Shards> {
  const records = await openRecords(dir, PIXELS, options);
  return {
    size: records.origin.size,
    records: records.count,
    inMemory: records.inMemory,
    find: (name) => records.entry(name)?.record,
    pixels: (numbers, out) => records.read(numbers, out),
    close: () => records.close(),
    [Symbol.dispose]: () => records.close(),
  };
}
