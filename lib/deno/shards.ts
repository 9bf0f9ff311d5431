// This module runs in Deno only.
/**
 * Shards: every picture decoded and resized once, its bytes kept in one file, so that training never decodes.
 *
 * A folder holds `pixels.u8`, records of [size, size, 3] bytes one after another, and `index.jsonl`: a header, then
 * one line a picture with its name, size and time of change. Both only grow, the pixels first, so an interrupted
 * run goes on where it stopped, new pictures are added and changed ones are decoded anew. A picture that cannot be
 * decoded has a line with the reason in place of a record.
 */

import type { Preprocessing } from "../image/preprocess.ts";
import { PictureError, type PictureProblem } from "../image/picture_error.ts";
import { mapPictures, openPicturePool, type PicturePool } from "./picture_pool.ts";
import { geometryOf, readShardIndex, type ShardIndex } from "./shard_index.ts";
import { type PictureFile, ShardWriter } from "./shard_writer.ts";
import { ensureWritable } from "./write_file.ts";

export type { PictureFile } from "./shard_writer.ts";
export { openShards, type OpenShardsOptions, type Shards } from "./shard_reader.ts";

/** A picture that could not be packed. */
export interface BadPicture {
  readonly name: string;
  readonly reason: string;
}

/** What {@linkcode prepareShards} did. */
export interface ShardReport {
  /** Pictures tried now. */
  readonly added: number;
  /** Pictures that were there already. */
  readonly kept: number;
  /** Pictures that cannot be decoded: left out, named with their reasons. */
  readonly bad: readonly BadPicture[];
}

/** Options of {@linkcode prepareShards}. */
export interface ShardOptions {
  readonly preprocessing: Preprocessing;
  /** Workers that decode. Default: as many as the machine has cores. */
  readonly threads?: number;
  /** Pictures with more pixels are refused by their header. Default: the pool's. */
  readonly maxPixels?: number;
  /** Decodes in place of a pool with these threads; it is not closed. */
  readonly pool?: PicturePool;
  /** Called after each picture. */
  readonly onProgress?: (done: number, total: number, bad: number) => void;
  /** Called when another process is packing into the same folder, before waiting for it. */
  readonly onWait?: () => void;
  /** Ends the work early; what is packed stays. */
  readonly signal?: AbortSignal;
}

/** Not for ever: the disk, the machine or the limit may be to blame. */
const TRANSIENT: ReadonlySet<string> = new Set<PictureProblem>(["unreadable", "crashed", "too large"]);

/**
 * Packs the pictures that are not packed yet. Where all are, nothing is written.
 *
 * One process at a time fills a folder; another one waits for it, and then finds the work done.
 *
 * @param dir Made when missing.
 * @throws {Error} If the folder cannot be written, or `signal` aborts.
 */
export async function prepareShards(
  dir: string,
  pictures: readonly PictureFile[],
  options: ShardOptions,
): Promise<ShardReport> {
  const { preprocessing } = options;
  const ready = divide(pictures, await usableIndex(dir, preprocessing));
  if (ready.wanted.length === 0) return ready.report;
  await ensureWritable(dir);
  using _lock = await lockFolder(dir, options.onWait);
  const index = await usableIndex(dir, preprocessing); // another process may have packed meanwhile
  const { wanted, report } = divide(pictures, index);
  if (wanted.length > 0) {
    using writer = await ShardWriter.open(dir, preprocessing, index);
    await pack(writer, wanted, report, options);
  }
  return report;
}

interface ShardWork {
  /** Pictures to be decoded. */
  readonly wanted: readonly PictureFile[];
  readonly report: { readonly added: number; readonly kept: number; readonly bad: BadPicture[] };
}

/** Tells the pictures that must be decoded from those that are packed, or known to be bad. */
function divide(pictures: readonly PictureFile[], index: ShardIndex | undefined): ShardWork {
  const wanted: PictureFile[] = [];
  const bad: BadPicture[] = [];
  for (const picture of pictures) {
    const entry = index?.entries.get(picture.name);
    if (entry?.bytes !== picture.bytes || entry.modified !== picture.modified) wanted.push(picture);
    else if (entry.error !== undefined) bad.push({ name: picture.name, reason: entry.error });
  }
  return { wanted, report: { added: wanted.length, kept: pictures.length - wanted.length, bad } };
}

async function pack(
  writer: ShardWriter,
  wanted: readonly PictureFile[],
  { kept, bad }: ShardWork["report"],
  options: ShardOptions,
): Promise<void> {
  const { preprocessing, onProgress, signal, threads, maxPixels } = options;
  const pool = options.pool ?? openPicturePool({ threads, maxPixels });
  try {
    let next = 0;
    for await (const { pixels, error } of mapPictures(pool, wanted.map(({ path }) => path), preprocessing)) {
      const picture = wanted[next++];
      if (error) bad.push({ name: picture.name, reason: error.message });
      // What is not the picture's own fault is not written down: the next run tries again.
      if (pixels) await writer.add(picture, pixels);
      else if (error instanceof PictureError && !TRANSIENT.has(error.problem)) {
        await writer.add(picture, error.message);
      }
      onProgress?.(kept + next, kept + wanted.length, bad.length);
      signal?.throwIfAborted();
    }
  } finally {
    if (!options.pool) pool.close();
    await writer.flush(); // after an error or an abort too: what is decoded stays
  }
}

/** One writer at a time: the lock goes with the process, however it ends. */
async function lockFolder(dir: string, onWait: ShardOptions["onWait"]): Promise<Deno.FsFile> {
  const file = await Deno.open(`${dir}/lock`, { create: true, write: true });
  if (!await file.tryLock(true)) {
    onWait?.();
    await file.lock(true);
  }
  return file;
}

/** The index to go on from: none where the pixels were made differently, or more than half of them are outdated. */
async function usableIndex(dir: string, preprocessing: Preprocessing): Promise<ShardIndex | undefined> {
  const index = await readShardIndex(dir);
  if (!index || JSON.stringify(index.geometry) !== JSON.stringify(geometryOf(preprocessing))) {
    return undefined;
  }
  let current = 0;
  for (const { record } of index.entries.values()) current += Number(record !== undefined);
  return current >= index.records / 2 ? index : undefined;
}
