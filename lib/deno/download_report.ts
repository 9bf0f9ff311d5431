// This module runs in Deno only.
/** What a download leaves behind for people and programs: `download-report.json`. */

import type { DownloadJob } from "./download_archive.ts";
import type { PhotoFailure } from "./download_photos.ts";
import { formatBytes, formatSeconds } from "./progress.ts";
import { writeFileAtomic } from "./write_file.ts";

const MOST_REASONS = 5; // printed, the file has all

/** What was asked for, what is there, and what failed and why. */
export interface DownloadReport {
  readonly dataset: string;
  readonly splits: readonly string[];
  readonly count: number | "all";
  readonly seed: number;
  /** Caption files that are there, by path. */
  readonly captions: readonly string[];
  /** Those that are not: the run ended before they had come. */
  readonly missingCaptions: readonly string[];
  /** Null where the run ended before the captions had said which photos there are. */
  readonly photos: {
    /** Chosen. */
    readonly wanted: number;
    /** Of them there before. */
    readonly there: number;
    /** Of them fetched now. */
    readonly fetched: number;
    /** Of them not there now: the next run fetches them. */
    readonly missing: number;
    /** Of these not to be had; the others were not come to. */
    readonly failed: number;
  } | null;
  /** Bytes that came over the network. */
  readonly receivedBytes: number;
  readonly seconds: number;
  /** Why the run ended before it was done: a person stopped it, the disk is full. */
  readonly ended?: string;
  /** Why the rest was not tried: the host could not be reached. */
  readonly gaveUp?: string;
  readonly failed: readonly PhotoFailure[];
}

/** Where a job's report goes. */
export function reportPath({ data }: Pick<DownloadJob, "data">): string {
  return `${data}/download-report.json`;
}

/** The report in lines for people. */
export function describeReport(report: DownloadReport, job: Pick<DownloadJob, "data">): string[] {
  const { captions, photos, receivedBytes, seconds, failed, gaveUp } = report;
  const lines = captions.map((path) => `captions  ${path}`);
  if (photos) {
    const { wanted, there, fetched, missing } = photos;
    lines.push(
      `photos    ${job.data}/img: ${wanted - missing} of ${wanted} (${there} were there, ${fetched} fetched)`,
    );
  }
  lines.push(`received  ${formatBytes(receivedBytes)} in ${formatSeconds(seconds)}`);
  if (failed.length === 0) return lines;
  const reasons = new Map<string, number>();
  for (const { reason } of failed) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  const common = [...reasons].sort(([, a], [, b]) => b - a).slice(0, MOST_REASONS);
  for (const [reason, number] of common) lines.push(`failed    ${number}: ${reason}`);
  if (gaveUp !== undefined) lines.push(`given up  ${gaveUp}`);
  lines.push(`The list is in ${reportPath(job)}; the same command again fetches only what is missing.`);
  return lines;
}

/** Writes the report, in place of an earlier one. */
export async function writeReport(job: Pick<DownloadJob, "data">, report: DownloadReport): Promise<void> {
  await writeFileAtomic(reportPath(job), `${JSON.stringify(report, null, 2)}\n`);
}
