// This module runs in Deno only.
/** What a download will cost, before it starts: bytes, requests, room on the disk, time. */

import { statfs } from "node:fs/promises";
import type { SplitName } from "../data/captions.ts";
import {
  type Archive,
  type DatasetName,
  DATASETS,
  type DatasetSource,
  PHOTO_FOLDERS,
} from "../data/coco_sources.ts";
import type { Photo } from "./download_photos.ts";
import { formatBytes, formatSeconds } from "./progress.ts";

/** A second of a line of 10 MB/s shared by 8 connections that wait 0.1 s each: what one more request costs. */
const REQUEST_BYTES = 100_000;
/** Speed assumed for estimates of time, in bytes a second. */
const ASSUMED_SPEED = 5_000_000;

/** Whether photos come as the whole zip, or each alone. */
export type Way = "zip" | "single";

/** How the photos of one published folder come. */
export interface FolderPlan {
  readonly folder: string;
  readonly photos: readonly Photo[];
  readonly way: Way;
  readonly cost: Cost;
}

/** Options of {@linkcode planFolder} and {@linkcode planPhotos}. */
export interface PlanOptions {
  /** "auto", whichever is cheaper, where photos have URLs of their own. Default "auto". */
  readonly way?: "auto" | Way;
  /** Bytes of a folder's zip that an earlier run left. Default: none. */
  readonly partBytes?: (folder: string) => number;
}

/**
 * Decides whether `count` photos of a folder come one by one or as the zip.
 *
 * The rule: one by one costs their bytes and 100 kB for each request, the zip costs its own bytes (less what is there
 * of it); the cheaper one wins. For train2014 the zip is cheaper from 51,332 of its 82,783 photos on.
 */
export function planFolder(
  folder: string,
  count: number,
  options: PlanOptions = {},
): { way: Way; cost: Cost } {
  const { way = "auto", partBytes = () => 0 } = options;
  const { zip, photos, single } = PHOTO_FOLDERS[folder];
  const photoBytes = Math.round(count * zip.aboutBytes / photos);
  const zipCost = archiveCost(zip, { partBytes: partBytes(folder), unpackedBytes: photoBytes });
  const zipCheaper = zipCost.bytes < photoBytes + count * REQUEST_BYTES;
  const chosen = !single ? "zip" : way === "auto" ? (zipCheaper ? "zip" : "single") : way;
  return {
    way: chosen,
    cost: chosen === "zip" ? zipCost : { bytes: photoBytes, requests: count, diskBytes: photoBytes },
  };
}

/** Decides for the photos of each folder, see {@linkcode planFolder}. */
export function planPhotos(photos: readonly Photo[], options: PlanOptions = {}): FolderPlan[] {
  const groups = Map.groupBy(photos, ({ folder }) => folder);
  return [...groups].map(([folder, photos]) => ({
    folder,
    photos,
    ...planFolder(folder, photos.length, options),
  }));
}

/**
 * The cost of a choice of photos, before the caption files are there: from the published numbers.
 *
 * @param count How many of all photos of the splits, or "all".
 */
export function expectedCost(
  photos: DatasetSource["photos"],
  splits: readonly SplitName[],
  { count, ...options }: PlanOptions & { readonly count: number | "all" },
): Cost {
  const inFolder = new Map<string, number>();
  for (const split of splits) {
    for (const [folder, number] of Object.entries(photos[split] ?? {})) {
      inFolder.set(folder, (inFolder.get(folder) ?? 0) + number);
    }
  }
  const all = [...inFolder.values()].reduce((sum, number) => sum + number, 0);
  const share = count === "all" ? 1 : Math.min(1, count / all);
  const wanted = [...inFolder].filter(() => share > 0);
  return sumCosts(
    wanted.map(([folder, number]) => planFolder(folder, Math.round(number * share), options).cost),
  );
}

/** What is to be transferred, in sum. */
export interface Cost {
  /** Bytes over the network. */
  readonly bytes: number;
  readonly requests: number;
  /** Bytes on the disk while it runs: archives lie there beside what is unpacked from them. */
  readonly diskBytes: number;
}

/** The cost of an archive and of what is unpacked from it. */
function archiveCost(
  { aboutBytes }: Archive,
  { partBytes = 0, unpackedBytes }: { readonly partBytes?: number; readonly unpackedBytes: number },
): Cost {
  const bytes = Math.max(0, aboutBytes - partBytes);
  return { bytes, requests: 1, diskBytes: bytes + unpackedBytes };
}

/** The cost of a dataset's captions: the archive, and at most as much again for the caption files in it. */
export function captionsCost(dataset: DatasetName): Cost {
  const { annotations } = DATASETS[dataset];
  return archiveCost(annotations, { unpackedBytes: annotations.aboutBytes });
}

/** Costs together. */
export function sumCosts(costs: readonly Cost[]): Cost {
  const sum = (key: keyof Cost) => costs.reduce((total, cost) => total + cost[key], 0);
  return { bytes: sum("bytes"), requests: sum("requests"), diskBytes: sum("diskBytes") };
}

/** The line a person reads before anything is transferred: bytes, requests, room and time. */
export async function describeCost(
  cost: Cost,
  { dir, concurrency }: { readonly dir: string; readonly concurrency: number },
): Promise<string> {
  const seconds = cost.bytes / ASSUMED_SPEED + 0.1 * cost.requests / concurrency;
  const free = await freeBytes(dir);
  const requests = `${cost.requests.toLocaleString("en")} request${cost.requests === 1 ? "" : "s"}`;
  const room = free === undefined ? "" : `, ${formatBytes(free)} free on the disk`;
  const time = `${formatSeconds(seconds)} on a line of ${formatBytes(ASSUMED_SPEED)}/s`;
  return `about ${formatBytes(cost.bytes)} in ${requests}${room}, about ${time}`;
}

/**
 * Makes sure that the disk has room.
 *
 * @throws {Error} If it has not.
 */
export async function ensureRoom({ diskBytes }: Cost, dir: string): Promise<void> {
  const free = await freeBytes(dir);
  if (free === undefined || free >= diskBytes) return;
  throw new Error(
    `Cannot download into ${dir}: it takes ${formatBytes(diskBytes)} while it runs and the disk has ` +
      `${formatBytes(free)} free, choose a smaller --count or another disk with --data DIR`,
  );
}

/** Bytes free for this user on a folder's disk; undefined where that may not be asked (`--allow-sys=statfs`). */
async function freeBytes(dir: string): Promise<number | undefined> {
  // Deno's own permission names do not list statfs, which its node:fs asks for.
  const permission = await Deno.permissions.query({ name: "sys", kind: "statfs" as "osRelease" });
  if (permission.state !== "granted") return undefined;
  const { bavail, bsize } = await statfs(dir);
  return bavail * bsize;
}
