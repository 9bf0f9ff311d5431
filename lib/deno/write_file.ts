// This module runs in Deno only.
/** Files that are either whole or absent. */

import { dirname } from "node:path";
import { ensureDir } from "@std/fs/ensure-dir";

/** Options of {@linkcode writeFileAtomic}. */
export interface WriteOptions {
  /** Is given the temporary file once it is written; where it rejects, that is thrown and nothing is kept. */
  readonly check?: (temporary: string) => Promise<unknown>;
  /** Wait until it is on the disk. False for many files that can be made again in no time. Default true. */
  readonly durable?: boolean;
  /** The error of a file that cannot be written, from the system's. Default: with the path, its folder and why. */
  readonly unwritable?: (path: string, cause: unknown) => Error;
}

/**
 * Writes a file under a temporary name beside it (`PATH.tmp`), waits until it is on the disk, and renames it: a
 * reader sees the old file or the new one, never half of one. Makes the folder when it is missing.
 *
 * @param data Text, bytes, or parts of bytes to be written one after the other.
 * @throws {Error} If it cannot be written (no permission, disk full); `path` is then as it was.
 */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  { check, durable = true, unwritable = cannotWrite }: WriteOptions = {},
): Promise<void> {
  const temporary = `${path}.tmp`;
  const parts = typeof data === "string"
    ? [new TextEncoder().encode(data)]
    : data instanceof Uint8Array
    ? [data]
    : data;
  const onDisk = (work: Promise<void>) =>
    work.catch((error) => {
      throw unwritable(path, error);
    });
  try {
    await onDisk(writeParts(temporary, parts, durable));
    await check?.(temporary);
    await onDisk(Deno.rename(temporary, path));
  } catch (error) {
    await removeIfThere(temporary).catch(() => {}); // what went wrong first is what counts
    throw error;
  }
  if (durable) await syncFolder(dirname(path));
}

async function writeParts(
  path: string,
  parts: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  durable: boolean,
): Promise<void> {
  await ensureDir(dirname(path));
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  for await (const part of parts) await writeAll(file, part);
  if (durable) await file.sync();
}

function cannotWrite(path: string, cause: unknown): Error {
  return new Error(`Cannot write ${path} in the folder ${dirname(path)}: ${whyUnwritable(cause)}`, { cause });
}

/** Waits until renames in a folder are on the disk, where the platform can: a loss of power cannot undo them then. */
export async function syncFolder(dir: string): Promise<void> {
  if (Deno.build.os === "windows") return; // has no such call
  using folder = await Deno.open(dir);
  try {
    await folder.sync();
  } catch (error) {
    const cannot = error instanceof Error && /os error 22\b/.test(error.message); // EINVAL: some network folders
    if (!cannot) throw error;
  }
}

/** Writes every byte: one `write` may take fewer than it is given. */
export async function writeAll(file: Deno.FsFile, data: Uint8Array): Promise<void> {
  for (let written = 0; written < data.length;) written += await file.write(data.subarray(written));
}

/**
 * Makes sure that a file can be written, before the work whose result goes there.
 *
 * @throws {Error} If its folder cannot be made or written, or a folder has its name.
 */
export async function ensureFileWritable(path: string): Promise<void> {
  await ensureWritable(dirname(path));
  const isFolder = await Deno.stat(path).then(({ isDirectory }) => isDirectory, (error) => {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  });
  if (isFolder) throw new Error(`Cannot write ${path}: it is a folder, name a file in it`);
}

/**
 * Makes sure that files can be written into a folder, by writing one: called before hours of work whose result
 * goes there.
 *
 * @throws {Error} If the folder cannot be made or written.
 */
export async function ensureWritable(dir: string): Promise<void> {
  const probe = `${dir}/.writable-${crypto.randomUUID()}`;
  try {
    await ensureDir(dir);
    await Deno.writeTextFile(probe, "probe");
    await Deno.remove(probe);
  } catch (error) {
    await removeIfThere(probe).catch(() => {}); // the folder cannot be written: the reason is below
    throw new Error(`Cannot write into the folder ${dir}: ${whyUnwritable(error)}`, { cause: error });
  }
}

/** Removes a file; that it is not there is fine. */
export async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory)) throw error;
  }
}

/** Why a file could not be written, in words for people. */
export function whyUnwritable(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof Deno.errors.PermissionDenied) {
    return `permission denied, choose a folder of yours (${error.message})`;
  }
  if (error instanceof Deno.errors.NotCapable) {
    // the runtime guards /proc, /sys and the like beyond what --allow-write grants
    if (error.message.includes("all access")) return "it belongs to the system, choose a folder of yours";
    return `${error.message.split(",")[0]}, run with --allow-write`;
  }
  if (/os error 28|No space left/.test(error.message)) return `the disk is full (${error.message})`;
  if (/os error 30\b|Read-only/.test(error.message)) return "the disk is read-only, choose another folder";
  if (/os error 27\b/.test(error.message)) return `larger files are not allowed here (${error.message})`;
  if (/os error 21\b/.test(error.message)) return "it is a folder, name a file in it";
  return error.message;
}
