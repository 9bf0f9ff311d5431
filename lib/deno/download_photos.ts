// This module runs in Deno only.
/** Many photos, one by one: a few at a time, each checked before it gets its name. */

import { dirname } from "node:path";
import { ensureDir } from "@std/fs/ensure-dir";
import { sniff } from "../image/header.ts";
import { PictureError } from "../image/picture_error.ts";
import { DiskError, DownloadError } from "./download_error.ts";
import { downloadBytes } from "./download_file.ts";
import { Pause, type RetryOptions } from "./download_retry.ts";
import { writeFileAtomic } from "./write_file.ts";

/** A photo to be had. */
export interface Photo {
  /** Its name in the picture folder. */
  readonly fileName: string;
  /** Its name in the published archive, without folders. */
  readonly publishedName: string;
  /** The published folder it belongs to, e.g. "train2014". */
  readonly folder: string;
  /** Where it can be had alone; undefined where there is only the archive. */
  readonly url?: string;
}

/** A photo that could not be had. */
export interface PhotoFailure {
  readonly file: string;
  /** Where it was asked for; undefined for a member of an archive. */
  readonly url?: string;
  readonly reason: string;
}

/** What became of the photos. */
export interface PhotoResult {
  /** How many were fetched. */
  readonly fetched: number;
  /** Bytes received, those of failed tries included. */
  readonly receivedBytes: number;
  readonly failed: readonly PhotoFailure[];
  /** Why the rest was not tried: the host cannot be reached. */
  readonly gaveUp?: string;
}

/** Options of {@linkcode fetchPhotos}. */
export interface FetchPhotosOptions extends RetryOptions {
  /** Connections at a time. Default 8. */
  readonly concurrency?: number;
  /** Called after each photo with those done, those of them that failed, and the bytes received so far. */
  readonly onPhoto?: (done: number, failed: number, receivedBytes: number) => void;
  /** Called with each photo that fails, as soon as it has. */
  readonly onFailure?: (failure: PhotoFailure) => void;
  /** Decodes a file: rejects with what is wrong with it. Default: the structure is walked through, nothing decoded. */
  readonly decode?: (path: string) => Promise<unknown>;
}

/** Larger than any photo of the datasets; it is held in memory. */
const MAX_PHOTO_BYTES = 64 << 20;
/** After this many photos in a row that the network or the server kept back, the others are not tried. */
const GIVE_UP_AFTER = 16;

/**
 * Fetches photos into a folder, each under a temporary name until it is checked. A photo that fails is counted and
 * named, the others go on.
 *
 * @throws The signal's reason, if it is aborted.
 * @throws {DiskError} If a photo cannot be written: no room, no permission.
 */
export async function fetchPhotos(
  photos: readonly Photo[],
  dir: string,
  options: FetchPhotosOptions = {},
): Promise<PhotoResult> {
  const { concurrency = 8, onPhoto, onFailure, decode, signal } = options;
  const retry = { pause: new Pause(), ...options };
  const failed: PhotoFailure[] = [];
  let next = 0;
  let fetched = 0;
  let receivedBytes = 0;
  let inARow = 0;
  let gaveUp: string | undefined;
  const fail = (failure: PhotoFailure) => {
    failed.push(failure);
    onFailure?.(failure);
  };
  for (const folder of new Set(photos.map(({ fileName }) => dirname(`${dir}/${fileName}`)))) {
    await ensureDir(folder);
  }

  const fetchOne = async ({ fileName, url }: Photo) => {
    try {
      if (url === undefined) throw new DownloadError("there is only the archive, which lacks it");
      const photo = await downloadBytes(url, { ...retry, maxBytes: MAX_PHOTO_BYTES });
      receivedBytes += photo.receivedBytes;
      await save(`${dir}/${fileName}`, photo.bytes, decode);
      fetched++;
      inARow = 0;
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof DownloadError || error instanceof PictureError)) throw error;
      const reason = error instanceof PictureError ? error.reason : error.message;
      fail({ file: fileName, url, reason });
      inARow = error instanceof DownloadError && error.retry ? inARow + 1 : 0;
      if (inARow >= GIVE_UP_AFTER) gaveUp = reason;
    }
    onPhoto?.(fetched + failed.length, failed.length, receivedBytes);
  };
  let ended = false; // by an error that is no photo's
  const work = async () => {
    while (next < photos.length && gaveUp === undefined && !ended) {
      signal?.throwIfAborted();
      await fetchOne(photos[next++]).catch((error) => {
        ended = true; // the others finish what they have begun
        throw error;
      });
    }
  };
  await settled(Array.from({ length: Math.min(concurrency, photos.length) }, work));
  for (const { fileName, url } of gaveUp === undefined ? [] : photos.slice(next)) {
    fail({ file: fileName, url, reason: "not tried: the server could not be reached" });
  }
  return { fetched, receivedBytes, failed, ...(gaveUp === undefined ? {} : { gaveUp }) };
}

/** Waits for all of them, then throws the first error: none may go on behind the caller's back. */
async function settled(work: Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(work);
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

async function save(
  path: string,
  bytes: Uint8Array,
  decode?: (path: string) => Promise<unknown>,
): Promise<void> {
  checkPhoto(bytes);
  const unwritable = (path: string, cause: unknown) => new DiskError(path, cause); // told from a bad photo
  await writeFileAtomic(path, bytes, { check: decode, unwritable });
}

/**
 * Makes sure that bytes are a whole JPEG, by its markers.
 *
 * @throws {PictureError} Saying what they are.
 */
function checkPhoto(bytes: Uint8Array): void {
  const { format, complete } = sniff(bytes);
  if (format !== "jpeg") {
    throw new PictureError(
      "use the photo",
      "not a picture",
      `it is a ${format.toUpperCase()} picture, not a JPEG`,
    );
  }
  if (!complete) throw new PictureError("use the photo", "truncated", "its end is missing");
}
