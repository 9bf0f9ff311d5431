// This module runs in Deno only.
/** The steps of scripts/1_download.ts: captions, then photos, each resumable and checked. */

import { ensureDir } from "@std/fs/ensure-dir";
import { exists } from "@std/fs/exists";
import { DATASETS, mirrored, PHOTO_FOLDERS } from "../data/coco_sources.ts";
import { baseName, type DownloadJob, withArchive } from "./download_archive.ts";
import { DownloadError } from "./download_error.ts";
import { missingPhotos } from "./download_list.ts";
import { fetchPhotos, type Photo, type PhotoResult } from "./download_photos.ts";
import type { FolderPlan } from "./download_plan.ts";
import { formatBytes, progressBar } from "./progress.ts";
import { unzip } from "./unzip.ts";

/** Where a job's caption files go. */
export function annotationsFolder({ data }: DownloadJob): string {
  return `${data}/annotations`;
}

/** Where a job's photos go. */
export function photosFolder({ data }: DownloadJob): string {
  return `${data}/img`;
}

/** The caption files that a job's splits need. */
export function neededFiles(job: DownloadJob): string[] {
  return Object.entries(DATASETS[job.dataset].files)
    .filter(([, splits]) => splits.some((split) => job.splits.includes(split)))
    .map(([name]) => `${annotationsFolder(job)}/${name}`);
}

/** Those of {@linkcode neededFiles} that are not there yet. */
export async function missingFiles(job: DownloadJob): Promise<string[]> {
  const missing: string[] = [];
  for (const path of neededFiles(job)) if (!await exists(path)) missing.push(path);
  return missing;
}

/**
 * Downloads and unpacks the captions, unless they are there.
 *
 * @throws {DownloadError} If the archive cannot be had.
 * @throws {Error} If it is damaged, or lacks a file that the splits need.
 */
export async function downloadCaptions(job: DownloadJob): Promise<void> {
  if ((await missingFiles(job)).length === 0) return;
  const { annotations, files } = DATASETS[job.dataset];
  const archive = job.checksum === undefined || job.checksum === "skip"
    ? annotations
    : { ...annotations, sizeBytes: undefined, sha256: job.checksum, md5: undefined };
  await withArchive(job, archive, (path, onProgress) => {
    const select = (name: string) => files[baseName(name)] ? baseName(name) : undefined;
    return unzip(path, annotationsFolder(job), { select, onProgress, signal: job.signal });
  });
  const missing = await missingFiles(job);
  if (missing.length > 0) {
    throw new Error(
      `Cannot find ${missing.map(baseName).join(" and ")} in ${
        mirrored(archive.url, job.mirror)
      }: the archive has ` +
        `no such file, choose another --split or another --mirror`,
    );
  }
}

/**
 * Downloads planned photos: zips first, then one by one what has no zip or was missing or damaged in it.
 *
 * @throws {DownloadError} If a zip cannot be had and its photos have no URLs of their own.
 */
export async function downloadPhotos(
  job: DownloadJob,
  plans: readonly FolderPlan[],
): Promise<PhotoResult> {
  const img = photosFolder(job);
  await ensureDir(img);
  let receivedBytes = 0;
  const all = plans.flatMap(({ photos }) => photos);
  for (const { folder, photos } of plans.filter(({ way }) => way === "zip")) {
    try {
      receivedBytes += await unpackPhotos(job, folder, photos);
    } catch (error) {
      if (!(error instanceof DownloadError) || error.retry || !PHOTO_FOLDERS[folder].single) throw error;
      console.error(`${error.message}; its photos are fetched one by one`);
    }
  }
  const rest = missingPhotos(all, img).map((photo) => ({
    ...photo,
    url: photo.url && mirrored(photo.url, job.mirror),
  }));
  const unpacked = all.length - rest.length;
  if (rest.length === 0) return { fetched: unpacked, receivedBytes, failed: [] };
  const bar = (job.progress ?? progressBar)({ label: "Photos", total: rest.length, unit: "photos" });
  try {
    const result = await fetchPhotos(rest, img, {
      ...job,
      onPhoto: (done, failed, bytes) =>
        bar.update(
          done,
          `${formatBytes(bytes)}${failed > 0 ? `, ${failed.toLocaleString("en")} failed` : ""}`,
        ),
    });
    return {
      ...result,
      fetched: unpacked + result.fetched,
      receivedBytes: receivedBytes + result.receivedBytes,
    };
  } finally {
    bar.done();
  }
}

function unpackPhotos(job: DownloadJob, folder: string, photos: readonly Photo[]): Promise<number> {
  const names = new Map(photos.map(({ publishedName, fileName }) => [publishedName, fileName]));
  return withArchive(job, PHOTO_FOLDERS[folder].zip, (path, onProgress) =>
    unzip(path, photosFolder(job), {
      select: (name) => name.startsWith("__MACOSX/") ? undefined : names.get(baseName(name)),
      onProgress,
      onDamaged: () => {}, // still missing afterwards: fetched one by one, or reported
      signal: job.signal,
    }));
}
