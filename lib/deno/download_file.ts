// This module runs in Deno only.
/** One file from the network: whole and checked under its final name, or not there at all. */

import { createHash } from "node:crypto";
import { DownloadError } from "./download_error.ts";
import { MemorySink, PartFile } from "./download_sinks.ts";
import { transfer, type TransferOptions, type Transferred } from "./download_transfer.ts";

/** Options of {@linkcode downloadFile}. */
export interface DownloadFileOptions extends TransferOptions {
  /** Lower-case hexadecimal hashes that the file must have. Of SHA-256 the first digits will do, 8 at least. */
  readonly sha256?: string;
  readonly md5?: string;
}

/** What was downloaded. */
export interface DownloadedFile extends Transferred {
  readonly bytes: number;
  /** Bytes that an earlier run had left in the `.part` file. */
  readonly resumedFrom: number;
}

/**
 * Downloads a large file to `PATH.part`, going on where an earlier run stopped, checks size and hash, and renames it.
 *
 * A part that turns out wrong after it was resumed is thrown away, and the file fetched once more from its start.
 *
 * @throws {DownloadError} If it cannot be had, or is not what was published.
 */
export async function downloadFile(
  url: string,
  path: string,
  options: DownloadFileOptions = {},
): Promise<DownloadedFile> {
  const { sizeBytes, sha256, md5 } = options;
  using part = await PartFile.open(path, url, { checked: (sha256 ?? md5) !== undefined });
  if (sizeBytes !== undefined && part.length > sizeBytes) part.restart(undefined);
  const resumedFrom = part.length;
  const moved = { retries: 0, receivedBytes: 0 };
  for (let fresh = resumedFrom === 0;; fresh = true) {
    try {
      if (sizeBytes === undefined || part.length < sizeBytes) {
        const { retries, receivedBytes } = await transfer(url, part, options);
        moved.retries += retries;
        moved.receivedBytes += receivedBytes;
      }
      await checkHash(`${path}.part`, options);
      await part.finish();
      return { ...moved, bytes: part.length, resumedFrom };
    } catch (error) {
      if (!(error instanceof DownloadError)) throw error;
      if (error.wrong && !fresh) {
        part.restart(undefined);
        continue;
      }
      if (error.wrong || part.length === 0) await part.discard(); // or the next run would go on with it
      const { retry, wrong, message } = error;
      const again = retry ? "; the same command goes on from here, --mirror URL asks another host" : "";
      throw new DownloadError(`Cannot download ${url}: ${message}${again}`, { retry, wrong, cause: error });
    }
  }
}

/**
 * Downloads a small file into memory.
 *
 * @throws {DownloadError} If it cannot be had.
 */
export async function downloadBytes(
  url: string,
  options: TransferOptions = {},
): Promise<Transferred & { readonly bytes: Uint8Array }> {
  const sink = new MemorySink();
  const transferred = await transfer(url, sink, options);
  return { ...transferred, bytes: sink.bytes() };
}

async function checkHash(path: string, { sha256, md5, signal }: DownloadFileOptions): Promise<void> {
  const expected = sha256 ?? md5;
  if (expected === undefined) return;
  const found = await hashFile(path, sha256 === undefined ? "md5" : "sha256", signal);
  if (!found.startsWith(expected.toLowerCase()) || expected.length < 8) {
    const name = sha256 === undefined ? "MD5" : "SHA-256";
    throw new DownloadError(`its ${name} is ${found}, not ${expected}`, { wrong: true });
  }
}

/** The hash of a file in lower-case hexadecimal. */
export async function hashFile(
  path: string,
  algorithm: "sha256" | "md5",
  signal?: AbortSignal,
): Promise<string> {
  const hash = createHash(algorithm);
  using file = await Deno.open(path);
  const buffer = new Uint8Array(1 << 20);
  for (let read; (read = await file.read(buffer)) !== null;) {
    signal?.throwIfAborted();
    hash.update(buffer.subarray(0, read));
  }
  return hash.digest("hex");
}
