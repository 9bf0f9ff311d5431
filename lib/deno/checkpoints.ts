// This module runs in Deno only.
/** A run's files: the model, and the last two checkpoints. */

import { exists } from "@std/fs/exists";
import type { SafetensorsFile } from "../data/safetensors.ts";
import { CHECKSUM } from "../data/seal.ts";
import { readSafetensors, writeSafetensors } from "./model_disk.ts";
import { removeIfThere, syncFolder } from "./write_file.ts";

/** Names of the files of a run in the folder `dir`. */
export function runFiles(dir: string) {
  return {
    model: `${dir}/model.safetensors`,
    checkpoint: `${dir}/checkpoint.safetensors`,
    /** There between two moments of {@linkcode saveCheckpoint}: newer than `previous`. */
    next: `${dir}/checkpoint.safetensors.next`,
    previous: `${dir}/checkpoint.previous.safetensors`,
    /** The newest of a run, where it was found damaged: set aside, so that it does not take `previous`'s place. */
    damaged: `${dir}/checkpoint.damaged.safetensors`,
    metrics: `${dir}/metrics.jsonl`,
  };
}

/** Options of {@linkcode saveCheckpoint}. */
export interface SaveOptions {
  /** Keep the newest so far as `previous`. False: it is replaced, and `previous` stays what it is. Default true. */
  readonly keepNewest?: boolean;
}

/**
 * Writes a checkpoint; the one before is kept beside it. At every moment one of them is whole and on the disk, and the
 * metrics of its steps with it.
 */
export async function saveCheckpoint(
  dir: string,
  file: SafetensorsFile,
  { keepNewest = true }: SaveOptions = {},
): Promise<void> {
  const { checkpoint, next, previous, metrics } = runFiles(dir);
  await syncIfThere(metrics);
  await writeSafetensors(next, file);
  if (keepNewest && await exists(checkpoint)) await Deno.rename(checkpoint, previous);
  await Deno.rename(next, checkpoint);
  await syncFolder(dir);
}

async function syncIfThere(path: string): Promise<void> {
  if (!await exists(path)) return;
  using file = await Deno.open(path, { append: true });
  await file.sync();
}

/** A checkpoint with its path. */
export interface FoundCheckpoint {
  readonly path: string;
  readonly file: SafetensorsFile;
}

/**
 * The newest checkpoint that can be read. A damaged one is set aside for it.
 *
 * @param warn Told when the newest is damaged and the one before takes its place.
 * @param fits Says of a checkpoint that can be read whether it will do. Default: every one.
 * @returns Undefined where there is none.
 * @throws {SyntaxError} If there are some and all are damaged.
 */
export async function loadCheckpoint(
  dir: string,
  warn: (message: string) => void,
  fits: (file: SafetensorsFile) => boolean = () => true,
): Promise<FoundCheckpoint | undefined> {
  const { checkpoint, next, previous, damaged } = runFiles(dir);
  let damage: SyntaxError | undefined;
  for (const path of [checkpoint, next, previous]) {
    if (!await exists(path)) continue;
    try {
      const file = await readCheckpoint(path);
      if (!fits(file)) continue;
      if (damage) {
        warn(`${damage.message}; going on from ${path}`);
        if (path !== checkpoint) await setAside(checkpoint, damaged);
      }
      return { path, file };
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      damage ??= error;
    }
  }
  if (damage) throw damage;
  return undefined;
}

async function readCheckpoint(path: string): Promise<SafetensorsFile> {
  const file = await readSafetensors(path);
  if (file.metadata[CHECKSUM] === undefined) {
    throw new SyntaxError(`Cannot read ${path}: it has no checksum: it is damaged, or of an older version`);
  }
  return file;
}

async function setAside(path: string, aside: string): Promise<void> {
  if (await exists(path)) await Deno.rename(path, aside);
}

/** Whether a run has left checkpoints in a folder. */
export async function hasCheckpoint(dir: string): Promise<boolean> {
  const { checkpoint, next, previous } = runFiles(dir);
  return await exists(checkpoint) || await exists(next) || await exists(previous);
}

/** Removes a run's checkpoints and metrics; its model stays until a better one takes its place. */
export async function removeRun(dir: string): Promise<void> {
  const { checkpoint, next, previous, damaged, metrics } = runFiles(dir);
  for (const path of [checkpoint, next, previous, damaged, metrics]) await removeIfThere(path);
}
