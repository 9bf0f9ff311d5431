// This module runs in Deno only.
/** Archives of a download: fetched, checked, unpacked, removed. */

import { exists } from "@std/fs/exists";
import { type Archive, type DatasetName, DATASETS, mirrored, PHOTO_FOLDERS } from "../data/coco_sources.ts";
import type { SplitName } from "../data/captions.ts";
import { UsageError } from "./cli.ts";
import { DownloadError } from "./download_error.ts";
import { downloadFile, hashFile } from "./download_file.ts";
import type { FetchPhotosOptions } from "./download_photos.ts";
import { type ProgressBar, progressBar } from "./progress.ts";

/** What is downloaded, from where and to where. */
export interface DownloadJob extends FetchPhotosOptions {
  readonly dataset: DatasetName;
  readonly splits: readonly SplitName[];
  /** Folder of the data: captions go to `annotations` in it, photos to `img`. */
  readonly data: string;
  /** Takes the place of scheme and host of every URL. */
  readonly mirror?: string;
  /** SHA-256 of the captions' archive in place of the published one; "skip": archives are not compared at all. */
  readonly checksum?: string;
  /** Progress on stderr. Default {@linkcode progressBar}. */
  readonly progress?: typeof progressBar;
}

/**
 * Makes sure that a job can be done at all.
 *
 * @throws {UsageError} If the dataset has no such split, or the mirror or checksum is malformed.
 */
export function checkJob({ dataset, splits, mirror, checksum }: DownloadJob): void {
  const known = Object.keys(DATASETS[dataset].photos);
  const unknown = splits.find((split) => !known.includes(split));
  if (unknown) throw new UsageError(`Cannot read --split ${unknown}: ${dataset} has ${known.join(", ")}`);
  if (mirror !== undefined && !/^https?:\/\/[^/]/.test(mirror)) {
    throw new UsageError(`Cannot read --mirror ${mirror}: expected a URL such as http://127.0.0.1:8080`);
  }
  if (checksum !== undefined && checksum !== "skip" && !/^[0-9a-f]{64}$/i.test(checksum)) {
    throw new UsageError(
      `Cannot read --checksum ${checksum}: expected 64 hexadecimal digits of SHA-256, or skip`,
    );
  }
}

/** Bytes that an earlier run left of a folder's zip. */
export function partBytes(job: DownloadJob, folder: string): number {
  const path = archivePath(job, PHOTO_FOLDERS[folder].zip);
  for (const name of [path, `${path}.part`]) {
    try {
      return Deno.statSync(name).size;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return 0;
}

/**
 * Downloads an archive (unless it is there), lets `use` unpack it, and removes it.
 *
 * @returns Bytes received.
 * @throws {DownloadError} If it cannot be had.
 */
export async function withArchive(
  job: DownloadJob,
  archive: Archive,
  use: (path: string, onProgress: (done: number, total: number) => void) => Promise<unknown>,
): Promise<number> {
  const path = archivePath(job, archive);
  const receivedBytes = await exists(path)
    ? await checkFound(job, archive, path)
    : await fetchArchive(job, archive, path);
  let bar: ProgressBar | undefined;
  try {
    await use(path, (done, total) => {
      bar ??= (job.progress ?? progressBar)({ label: `Unpacking ${baseName(path)}`, total, unit: "bytes" });
      bar.update(done);
    });
  } catch (error) {
    job.signal?.throwIfAborted();
    // A damaged archive is of no use to the next run; one that only lacked room on the disk is.
    if (error instanceof Error && error.message.startsWith(`Cannot unpack ${path}`)) await Deno.remove(path);
    throw error;
  } finally {
    bar?.done();
  }
  await Deno.remove(path);
  return receivedBytes;
}

async function fetchArchive(job: DownloadJob, archive: Archive, path: string): Promise<number> {
  const { url, sizeBytes, sha256, md5 } = job.checksum === "skip" ? { url: archive.url } as Archive : archive;
  let bar: ProgressBar | undefined;
  try {
    const { receivedBytes } = await downloadFile(mirrored(url, job.mirror), path, {
      ...job,
      sizeBytes,
      sha256,
      md5,
      onBytes: (bytes, total) => {
        bar ??= (job.progress ?? progressBar)({ label: baseName(path), total, unit: "bytes" });
        bar.update(bytes);
      },
    });
    return receivedBytes;
  } catch (error) {
    if (!(error instanceof DownloadError && error.wrong)) throw error;
    const hint =
      "if the server has another edition that you trust, name its SHA-256 with --checksum, or skip the check " +
      "with --checksum skip";
    throw new DownloadError(`${error.message}; ${hint}`, { wrong: true, cause: error });
  } finally {
    bar?.done();
  }
}

/** An archive that was there before: left by a run that was killed, or put there by hand. */
async function checkFound(job: DownloadJob, { sha256, md5 }: Archive, path: string): Promise<number> {
  const expected = job.checksum === "skip" ? undefined : sha256 ?? md5;
  if (expected === undefined) return 0;
  const found = await hashFile(path, sha256 === undefined ? "md5" : "sha256", job.signal);
  if (found === expected.toLowerCase()) return 0;
  throw new Error(
    `Cannot use ${path}: its hash is ${found}, not ${expected}; remove it, or trust it with --checksum skip`,
  );
}

function archivePath({ data }: DownloadJob, { url }: Archive): string {
  return `${data}/${baseName(new URL(url).pathname)}`;
}

/** What follows the last slash. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
