// This module runs in Deno only.
/**
 * Shards: every picture decoded and resized once, its bytes kept in one file, so that training never decodes.
 *
 * A folder holds `pixels.u8`, records of [size, size, 3] bytes one after another, and `index.jsonl`: a header, then
 * one line a picture with its name, size and time of change. Both only grow, the pixels first, so an interrupted
 * run goes on where it stopped, new pictures are added and changed ones are decoded anew. A picture that cannot be
 * decoded has a line with the reason in place of a record.
 */

import { ensureDir } from "@std/fs/ensure-dir";
import type { Preprocessing } from "../image/preprocess.ts";
import { PictureError, type PictureProblem } from "../image/picture_error.ts";
import { mapPictures, openPicturePool, type PicturePool } from "./picture_pool.ts";
import {
  entryLine,
  geometryOf,
  headerLine,
  INDEX_FILE,
  type IndexEntry,
  PIXELS_FILE,
  readShardIndex,
  recordBytes,
  type ShardIndex,
} from "./shard_index.ts";
import { removeIfThere, writeAll } from "./write_file.ts";

export { openShards, type OpenShardsOptions, type Shards } from "./shard_reader.ts";

/** A picture file to be packed. */
export interface PictureFile {
  /** Name by which it is found again: its path inside the picture folder. */
  readonly name: string;
  readonly path: string;
  /** Size of the file in bytes. */
  readonly bytes: number;
  /** When it was last changed, milliseconds since 1970. */
  readonly modified: number;
}

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
  /** Ends the work early; what is packed stays. */
  readonly signal?: AbortSignal;
}

const FLUSH_BYTES = 16 << 20; // an interruption loses at most this much
const FLUSH_MS = 2000;
const TRANSIENT: ReadonlySet<string> = new Set<PictureProblem>(["unreadable", "crashed"]);

/**
 * Packs the pictures that are not packed yet.
 *
 * @param dir Made when missing.
 * @throws {Error} If the folder cannot be written, another process is filling it, or `signal` aborts.
 */
export async function prepareShards(
  dir: string,
  pictures: readonly PictureFile[],
  options: ShardOptions,
): Promise<ShardReport> {
  const { preprocessing, onProgress, signal } = options;
  await ensureDir(dir);
  using _lock = await lockFolder(dir);
  const index = await usableIndex(dir, preprocessing);
  const wanted: PictureFile[] = [];
  const bad: BadPicture[] = [];
  for (const picture of pictures) {
    const entry = index?.entries.get(picture.name);
    if (entry?.bytes !== picture.bytes || entry.modified !== picture.modified) wanted.push(picture);
    else if (entry.error !== undefined) bad.push({ name: picture.name, reason: entry.error });
  }
  let done = pictures.length - wanted.length;
  const report = { added: wanted.length, kept: done, bad };
  using writer = await ShardWriter.open(dir, preprocessing, index);
  if (wanted.length === 0) return report;
  const { threads, maxPixels, pool = openPicturePool({ threads, maxPixels }) } = options;
  try {
    let next = 0;
    for await (const { pixels, error } of mapPictures(pool, wanted.map(({ path }) => path), preprocessing)) {
      const picture = wanted[next++];
      if (error) bad.push({ name: picture.name, reason: error.message });
      // What may be the disk's or the machine's fault is not written down: the next run tries again.
      if (pixels) await writer.add(picture, pixels);
      else if (error instanceof PictureError && !TRANSIENT.has(error.problem)) {
        await writer.add(picture, error.message);
      }
      onProgress?.(++done, pictures.length, bad.length);
      signal?.throwIfAborted();
    }
  } finally {
    if (!options.pool) pool.close();
    await writer.flush(); // after an error or an abort too: what is decoded stays
  }
  return report;
}

/** One writer at a time: the lock goes with the process, however it ends. */
async function lockFolder(dir: string): Promise<Deno.FsFile> {
  const file = await Deno.open(`${dir}/lock`, { create: true, write: true });
  if (await file.tryLock(true)) return file;
  file.close();
  throw new Error(`Cannot pack pictures into ${dir}: another process is doing so, wait for it or end it`);
}

/** The index to go on from: none when the pixels were made differently, or more than half of them are outdated. */
async function usableIndex(dir: string, preprocessing: Preprocessing): Promise<ShardIndex | undefined> {
  const index = await readShardIndex(dir);
  if (index) {
    const same = JSON.stringify(index.geometry) === JSON.stringify(geometryOf(preprocessing));
    let current = 0;
    for (const { record } of index.entries.values()) current += Number(record !== undefined);
    if (same && current >= index.records / 2) return index;
  }
  await removeIfThere(`${dir}/${INDEX_FILE}`); // the index first: pixels without it mean nothing
  await removeIfThere(`${dir}/${PIXELS_FILE}`);
  return undefined;
}

/** Appends records and then their lines, in this order also on the disk. */
class ShardWriter {
  readonly #pixels: Deno.FsFile;
  readonly #index: Deno.FsFile;
  #records: Uint8Array[] = [];
  #lines: string[] = [];
  #waitingBytes = 0;
  #flushedAt = performance.now();

  private constructor(pixels: Deno.FsFile, index: Deno.FsFile) {
    this.#pixels = pixels;
    this.#index = index;
  }

  /** Opens both files and cuts off what an interrupted run left half done. */
  static async open(
    dir: string,
    preprocessing: Preprocessing,
    known: ShardIndex | undefined,
  ): Promise<ShardWriter> {
    const geometry = geometryOf(preprocessing);
    const open = (name: string) => Deno.open(`${dir}/${name}`, { create: true, write: true });
    const writer = new ShardWriter(await open(PIXELS_FILE), await open(INDEX_FILE));
    await writer.#pixels.truncate((known?.records ?? 0) * recordBytes(geometry));
    await writer.#index.truncate(known?.validBytes ?? 0);
    await writer.#pixels.seek(0, Deno.SeekMode.End);
    await writer.#index.seek(0, Deno.SeekMode.End);
    if (!known) await writeAll(writer.#index, new TextEncoder().encode(headerLine(geometry)));
    return writer;
  }

  /** @param result Pixels, or why there are none. */
  async add({ name, bytes, modified }: PictureFile, result: Uint8Array | string): Promise<void> {
    const entry: IndexEntry = { bytes, modified };
    if (typeof result === "string") this.#lines.push(entryLine(name, { ...entry, error: result }));
    else {
      this.#lines.push(entryLine(name, entry));
      this.#records.push(result);
      this.#waitingBytes += result.length;
    }
    if (this.#waitingBytes >= FLUSH_BYTES || performance.now() - this.#flushedAt >= FLUSH_MS) {
      await this.flush();
    }
  }

  async flush(): Promise<void> {
    for (const record of this.#records) await writeAll(this.#pixels, record);
    await this.#pixels.syncData();
    await writeAll(this.#index, new TextEncoder().encode(this.#lines.join("")));
    this.#records = [];
    this.#lines = [];
    this.#waitingBytes = 0;
    this.#flushedAt = performance.now();
  }

  [Symbol.dispose](): void {
    this.#pixels.close();
    this.#index.close();
  }
}
