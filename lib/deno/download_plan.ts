// This module runs in Deno only.
/** What a download will cost, before it starts: bytes, requests, room on the disk, time. */

import { statfs } from "node:fs/promises";
import { type Archive, PHOTO_FOLDERS, type PhotoFolder } from "../data/coco_sources.ts";
import type { Photo } from "./download_photos.ts";
import { formatBytes, formatSeconds } from "./progress.ts";

/** A second of a line of 10 MB/s shared by 8 connections that wait 0.1 s each: what one more request costs. */
const REQUEST_BYTES = 100_000;
/** Speed assumed until one is measured, in bytes a second. */
export const ASSUMED_SPEED = 5_000_000;

/** How the photos of one published folder come. */
export interface FolderPlan {
  readonly folder: string;
  readonly photos: readonly Photo[];
  /** The whole zip, or each photo alone. */
  readonly way: "zip" | "single";
  /** Bytes to be transferred, about. */
  readonly bytes: number;
}

/** Options of {@linkcode planPhotos}. */
export interface PlanOptions {
  /** "auto": whichever is cheaper. */
  readonly way: "auto" | "zip" | "single";
  /** Bytes of a folder's zip that an earlier run left. Default 0. */
  readonly partBytes?: (folder: string) => number;
  /** The published folders. Default: {@linkcode PHOTO_FOLDERS}. */
  readonly folders?: Readonly<Record<string, PhotoFolder>>;
}

/**
 * Decides for each folder whether its photos come one by one or as the zip.
 *
 * The rule: one by one costs their bytes and 100 kB for each request, the zip costs its own bytes (less what is there
 * of it); the cheaper one wins. For train2014 the zip is cheaper from 51,331 of its 82,783 photos on.
 */
export function planPhotos(photos: readonly Photo[], options: PlanOptions): FolderPlan[] {
  const { way, partBytes = () => 0, folders = PHOTO_FOLDERS } = options;
  const groups = new Map<string, Photo[]>();
  for (const photo of photos) groups.set(photo.folder, [...groups.get(photo.folder) ?? [], photo]);
  return [...groups].map(([folder, photos]) => {
    const { zip, photos: inZip, single } = folders[folder];
    const photoBytes = zip.aboutBytes / inZip;
    const zipBytes = Math.max(0, zip.aboutBytes - partBytes(folder));
    const cheaper = zipBytes < photos.length * (photoBytes + REQUEST_BYTES) ? "zip" : "single";
    const chosen = !single ? "zip" : way === "auto" ? cheaper : way;
    const bytes = chosen === "zip" ? zipBytes : Math.round(photos.length * photoBytes);
    return { folder, photos, way: chosen, bytes };
  });
}

/** What is to be transferred, in sum. */
export interface Cost {
  /** Bytes over the network. */
  readonly bytes: number;
  readonly requests: number;
  /** Bytes on the disk while it runs: archives lie there beside what is unpacked from them. */
  readonly diskBytes: number;
}

/** The cost of an archive and what is unpacked from it. */
export function archiveCost({ aboutBytes }: Archive, partBytes = 0): Cost {
  const bytes = Math.max(0, aboutBytes - partBytes);
  return { bytes, requests: 1, diskBytes: bytes + aboutBytes };
}

/** The cost of planned photos. */
export function photoCost(plans: readonly FolderPlan[]): Cost {
  return sumCosts(plans.map(({ way, bytes, photos, folder }) => {
    const { zip, photos: inZip } = PHOTO_FOLDERS[folder];
    const unpacked = Math.round(photos.length * zip.aboutBytes / inZip);
    return way === "zip"
      ? { bytes, requests: 1, diskBytes: bytes + unpacked }
      : { bytes, requests: photos.length, diskBytes: unpacked };
  }));
}

/** Costs together. */
export function sumCosts(costs: readonly Cost[]): Cost {
  const sum = (key: keyof Cost) => costs.reduce((total, cost) => total + cost[key], 0);
  return { bytes: sum("bytes"), requests: sum("requests"), diskBytes: sum("diskBytes") };
}

/** Options of {@linkcode preflight}. */
export interface PreflightOptions {
  /** Folder that it goes to; it must be there. */
  readonly dir: string;
  readonly concurrency: number;
  /** Bytes a second, measured. Default: 5 MB/s, and the line says that it is a guess. */
  readonly speed?: number;
}

/**
 * The line a person reads before anything is transferred.
 *
 * @throws {Error} If the disk has no room for it.
 */
export async function preflight(cost: Cost, { dir, concurrency, speed }: PreflightOptions): Promise<string> {
  const seconds = cost.bytes / (speed ?? ASSUMED_SPEED) + 0.1 * cost.requests / concurrency;
  const free = await freeBytes(dir);
  if (free !== undefined && free < cost.diskBytes * 1.02) {
    throw new Error(
      `Cannot download into ${dir}: it takes ${formatBytes(cost.diskBytes)} while it runs and the disk has ` +
        `${formatBytes(free)} free, choose a smaller --count or another disk with --data DIR`,
    );
  }
  const requests = `${cost.requests.toLocaleString("en")} request${cost.requests === 1 ? "" : "s"}`;
  const room = free === undefined ? "" : `, ${formatBytes(free)} free on the disk`;
  const at = `${formatBytes(speed ?? ASSUMED_SPEED)}/s${speed === undefined ? " (a guess)" : ""}`;
  return `about ${formatBytes(cost.bytes)} in ${requests}${room}, about ${formatSeconds(seconds)} at ${at}`;
}

/** Bytes free for this user on a folder's disk; undefined where that may not be asked (`--allow-sys=statfs`). */
export async function freeBytes(dir: string): Promise<number | undefined> {
  // Deno's own permission names do not list statfs, which its node:fs asks for.
  const permission = await Deno.permissions.query({ name: "sys", kind: "statfs" as "osRelease" });
  if (permission.state !== "granted") return undefined;
  const { bavail, bsize } = await statfs(dir);
  return bavail * bsize;
}
