// This module runs in Deno only.
/** ImageNet weights: fetched once, checked, and kept below the data folder. */

import { exists } from "@std/fs/exists";
import { mirrored } from "../data/coco_sources.ts";
import { WEIGHT_NAMES, WEIGHTS, weightsPath } from "../data/weight_sources.ts";
import { DownloadError } from "./download_error.ts";
import { downloadFile, hashFile } from "./download_file.ts";
import type { RetryOptions } from "./download_retry.ts";
import { type ProgressBar, progressBar } from "./progress.ts";

/** Where weights come from and go to. */
export interface WeightsJob extends RetryOptions {
  /** Folder of the data: they go to `weights` in it. */
  readonly data: string;
  /** Takes the place of scheme and host. */
  readonly mirror?: string;
  /** SHA-256 in place of the published one; "skip": it is not compared. */
  readonly checksum?: string;
  /** Progress on stderr. Default {@linkcode progressBar}. */
  readonly progress?: typeof progressBar;
}

/** Weights on the disk. */
export interface FoundWeights {
  readonly path: string;
  /** Bytes that came over the network: none if they were there. */
  readonly receivedBytes: number;
}

/**
 * Downloads weights by name, unless they are there, going on where an earlier run stopped.
 *
 * @throws {RangeError} If nobody knows the name.
 * @throws {DownloadError} If they cannot be had, or are not what was published.
 */
export async function downloadWeights(name: string, job: WeightsJob): Promise<FoundWeights> {
  const source = WEIGHTS.get(name);
  if (!source) {
    throw new RangeError(`Cannot download the weights ${name}: known are ${WEIGHT_NAMES.join(", ")}`);
  }
  const path = weightsPath(job.data, name);
  const sha256 = job.checksum === "skip" ? undefined : job.checksum ?? source.sha256;
  if (await exists(path)) {
    const found = sha256 === undefined ? "" : await hashFile(path, "sha256", job.signal);
    if (sha256 === undefined || found.startsWith(sha256.toLowerCase())) return { path, receivedBytes: 0 };
    throw new Error(
      `Cannot use ${path}: its SHA-256 is ${found}, not ${sha256}; remove it, or trust it with --checksum skip`,
    );
  }
  let bar: ProgressBar | undefined;
  try {
    const { receivedBytes } = await downloadFile(mirrored(source.url, job.mirror), path, {
      ...job,
      sha256,
      onBytes: (bytes, total = source.aboutBytes) => {
        bar ??= (job.progress ?? progressBar)({ label: name, total, unit: "bytes" });
        bar.update(bytes);
      },
    });
    return { path, receivedBytes };
  } catch (error) {
    if (!(error instanceof DownloadError && error.wrong)) throw error;
    const hint =
      "if you trust them, name their SHA-256 with --checksum, or skip the check with --checksum skip";
    throw new DownloadError(`${error.message}; ${hint}`, { wrong: true, cause: error });
  } finally {
    bar?.done();
  }
}
