// This module runs in Deno only.
/** Keeps account of a download while it goes on, so that whatever ends it leaves a report of what came. */

import { exists } from "@std/fs/exists";
import { neededFiles, photosFolder } from "./download.ts";
import type { DownloadJob } from "./download_archive.ts";
import { missingPhotos } from "./download_list.ts";
import type { Photo, PhotoFailure } from "./download_photos.ts";
import { type DownloadReport, reportPath, writeReport } from "./download_report.ts";
import { removeIfThere } from "./write_file.ts";

/** A job with how many photos it was asked for, and by which seed they are drawn. */
export interface CountedJob extends DownloadJob {
  readonly count: number | "all";
  readonly seed: number;
}

/** Told which photos are wanted, and which of them are not there, as soon as the captions have said so. */
export type OnChosen = (wanted: readonly Photo[], missing: readonly Photo[]) => void;

/**
 * Runs a download and writes its report, in place of an earlier run's, whether it comes to its end or not.
 *
 * The earlier report is removed first: a run that is killed, and can write none, leaves no other's behind.
 *
 * @param download Gets the job, with which all is to be fetched. Returns why the rest was not tried, if that was so.
 * @throws What `download` throws, after the report has been written.
 */
export async function reportedDownload(
  job: CountedJob,
  download: (job: DownloadJob, onChosen: OnChosen) => Promise<{ readonly gaveUp?: string }>,
): Promise<DownloadReport> {
  await removeIfThere(reportPath(job));
  const account = new Account(job);
  try {
    const { gaveUp } = await download(account.job, account.choose);
    const report = await account.report({ gaveUp });
    await writeReport(job, report);
    return report;
  } catch (error) {
    const ended = error instanceof Error ? error.message : String(error);
    // What ended the run is what counts: a disk that is full takes no report either.
    await account.report({ ended }).then((report) => writeReport(job, report)).catch((second) => {
      console.error(second instanceof Error ? second.message : String(second));
    });
    throw error;
  }
}

class Account {
  /** The job, with ears for what it does. */
  readonly job: CountedJob;
  readonly #failed: PhotoFailure[] = [];
  readonly #started = performance.now();
  #chosen: { readonly wanted: readonly Photo[]; readonly missing: readonly Photo[] } | undefined;
  #receivedBytes = 0;

  constructor(job: CountedJob) {
    this.job = {
      ...job,
      onReceived: (bytes) => this.#receivedBytes += bytes,
      onFailure: (failure) => this.#failed.push(failure),
    };
  }

  readonly choose: OnChosen = (wanted, missing) => this.#chosen = { wanted, missing };

  /** What there is, by what is on the disk. */
  async report(end: Pick<DownloadReport, "ended" | "gaveUp">): Promise<DownloadReport> {
    const { dataset, splits, count, seed } = this.job;
    const captions: string[] = [];
    const missingCaptions: string[] = [];
    for (const path of neededFiles(this.job)) {
      (await exists(path) ? captions : missingCaptions).push(path);
    }
    return {
      dataset,
      splits,
      count,
      seed,
      captions,
      missingCaptions,
      photos: this.#photos(),
      receivedBytes: this.#receivedBytes,
      seconds: Math.round(performance.now() - this.#started) / 1000,
      ...end,
      failed: this.#failed,
    };
  }

  #photos(): DownloadReport["photos"] {
    if (!this.#chosen) return null;
    const { wanted, missing: before } = this.#chosen;
    const missing = missingPhotos(before, photosFolder(this.job)).length;
    return {
      wanted: wanted.length,
      there: wanted.length - before.length,
      fetched: before.length - missing,
      missing,
      failed: this.#failed.length,
    };
  }
}
