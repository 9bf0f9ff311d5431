// This module runs in Deno only.
/** Fills a folder of shards: what is there stays, what is missing or outdated is made, one process at a time. */

import { PictureError, type PictureProblem } from "../image/picture_error.ts";
import type { ShardFormat } from "./shard_format.ts";
import { readShardIndex, type ShardIndex } from "./shard_index.ts";
import { openRecords } from "./shard_reader.ts";
import { type PictureFile, ShardWriter } from "./shard_writer.ts";
import { ensureWritable } from "./write_file.ts";

/** A picture that has no record. */
export interface BadPicture {
  readonly name: string;
  readonly reason: string;
}

/** What {@linkcode fillShards} did. */
export interface ShardReport {
  /** Pictures tried now. */
  readonly added: number;
  /** Pictures that were there already. */
  readonly kept: number;
  /** Pictures that cannot be decoded: left out, named with their reasons. */
  readonly bad: readonly BadPicture[];
  /** Pictures whose records were damaged and are made anew; 0 where nobody asked to verify. */
  readonly damaged: number;
}

/** Options of filling that do not depend on what is filled in. */
export interface FillOptions {
  /** Compare every record that is there with its sum, and make the damaged ones anew. Default false. */
  readonly verify?: boolean;
  /** Called while records are verified; a promise is waited for. */
  readonly onVerify?: (done: number, total: number) => void | Promise<void>;
  /** Called after each picture. */
  readonly onProgress?: (done: number, total: number, bad: number) => void | Promise<void>;
  /** Called when another process is filling the same folder, before waiting for it. */
  readonly onWait?: () => void;
  /** Ends the work early; what is written stays. */
  readonly signal?: AbortSignal;
}

/** What goes into a folder of shards. */
export interface ShardSource<Origin> {
  readonly origin: Origin;
  /** Makes the records of pictures, in order; a bad picture's error in its place. */
  make(pictures: readonly PictureFile[]): AsyncIterable<Uint8Array | PictureError>;
}

/** Not for ever: the disk, the machine or the limit may be to blame. */
const TRANSIENT: ReadonlySet<string> = new Set<PictureProblem>(["unreadable", "crashed", "too large"]);

/**
 * Makes the records that are not there yet. Where all are, nothing is written.
 *
 * One process at a time fills a folder; another one waits for it, and then finds the work done.
 *
 * @param place The folder, made when missing, and what it holds.
 * @throws {Error} If the folder cannot be written, or `signal` aborts.
 */
export async function fillShards<Origin>(
  { dir, format }: { readonly dir: string; readonly format: ShardFormat<Origin> },
  pictures: readonly PictureFile[],
  { origin, make, ...options }: ShardSource<Origin> & FillOptions,
): Promise<ShardReport> {
  const before = await usableIndex(dir, format, origin);
  const damaged = before && options.verify
    ? await damagedPictures(dir, format, options.onVerify)
    : new Set<string>();
  const ready = divide(pictures, before, damaged);
  if (ready.wanted.length === 0) return ready.report;
  await ensureWritable(dir);
  using _lock = await lockFolder(dir, options.onWait);
  const index = await usableIndex(dir, format, origin); // another process may have worked meanwhile
  const { wanted, report } = divide(pictures, index, damaged);
  if (wanted.length === 0) return report;
  using writer = await ShardWriter.open(dir, format, { origin, known: index });
  const { kept, bad } = report;
  try {
    let next = 0;
    for await (const result of make(wanted)) {
      const picture = wanted[next++];
      if (result instanceof Uint8Array) await writer.add(picture, result);
      else {
        bad.push({ name: picture.name, reason: result.message });
        // What is not the picture's own fault is not written down: the next run tries again.
        if (!TRANSIENT.has(result.problem)) await writer.add(picture, result.message);
      }
      await options.onProgress?.(kept + next, kept + wanted.length, bad.length);
      options.signal?.throwIfAborted();
    }
  } finally {
    await writer.flush(); // after an error or an abort too: what is made stays
  }
  return report;
}

/** How many pictures have records of use in a folder: with the same origin, and made from the files as they are. */
export async function countKept<Origin>(
  { dir, format }: { readonly dir: string; readonly format: ShardFormat<Origin> },
  pictures: readonly PictureFile[],
  origin: Origin,
): Promise<number> {
  return divide(pictures, await usableIndex(dir, format, origin)).report.kept;
}

interface ShardWork {
  /** Pictures whose records must be made. */
  readonly wanted: readonly PictureFile[];
  readonly report: ShardReport & { readonly bad: BadPicture[] };
}

/** Tells the pictures whose records must be made from those that have one, or are known to be bad. */
function divide(
  pictures: readonly PictureFile[],
  index: ShardIndex<unknown> | undefined,
  damaged: ReadonlySet<string> = new Set(),
): ShardWork {
  const wanted: PictureFile[] = [];
  const bad: BadPicture[] = [];
  for (const picture of pictures) {
    const entry = index?.entries.get(picture.name);
    const current = entry?.bytes === picture.bytes && entry.modified === picture.modified;
    if (!current || damaged.has(picture.name)) wanted.push(picture);
    else if (entry.error !== undefined) bad.push({ name: picture.name, reason: entry.error });
  }
  const [added, kept] = [wanted.length, pictures.length - wanted.length];
  return { wanted, report: { added, kept, bad, damaged: damaged.size } };
}

/** One writer at a time: the lock goes with the process, however it ends. */
async function lockFolder(dir: string, onWait: FillOptions["onWait"]): Promise<Deno.FsFile> {
  const file = await Deno.open(`${dir}/lock`, { create: true, write: true });
  if (!await file.tryLock(true)) {
    onWait?.();
    await file.lock(true);
  }
  return file;
}

/** The index to go on from: none where the records were made differently, or more than half of them are outdated. */
async function usableIndex<Origin>(
  dir: string,
  format: ShardFormat<Origin>,
  origin: Origin,
): Promise<ShardIndex<Origin> | undefined> {
  const index = await readShardIndex(dir, format);
  if (!index || JSON.stringify(index.origin) !== JSON.stringify(origin)) return undefined;
  let current = 0;
  for (const { record } of index.entries.values()) current += Number(record !== undefined);
  return current >= index.records / 2 ? index : undefined;
}

async function damagedPictures<Origin>(
  dir: string,
  format: ShardFormat<Origin>,
  onVerify: FillOptions["onVerify"],
): Promise<Set<string>> {
  using records = await openRecords(dir, format, { memoryBytes: 0 });
  return await records.damaged(onVerify);
}
