// This module runs in Deno only.
/** A run's files: the model, and the last two checkpoints. */

import { exists } from "@std/fs/exists";
import type { SafetensorsFile } from "../data/safetensors.ts";
import { readSafetensors, writeSafetensors } from "./model_disk.ts";

/** Names of the files of a run in the folder `dir`. */
export function runFiles(dir: string) {
  return {
    model: `${dir}/model.safetensors`,
    checkpoint: `${dir}/checkpoint.safetensors`,
    /** There between two moments of {@linkcode saveCheckpoint}: newer than `previous`. */
    next: `${dir}/checkpoint.safetensors.next`,
    previous: `${dir}/checkpoint.previous.safetensors`,
    metrics: `${dir}/metrics.jsonl`,
  };
}

/** Writes a checkpoint; the one before is kept beside it. At every moment one of them is whole. */
export async function saveCheckpoint(dir: string, file: SafetensorsFile): Promise<void> {
  const { checkpoint, next, previous } = runFiles(dir);
  await writeSafetensors(next, file);
  if (await exists(checkpoint)) await Deno.rename(checkpoint, previous);
  await Deno.rename(next, checkpoint);
}

/** A checkpoint with its path. */
export interface FoundCheckpoint {
  readonly path: string;
  readonly file: SafetensorsFile;
}

/**
 * The newest checkpoint that can be read.
 *
 * @param warn Told when the newest is damaged and the one before takes its place.
 * @returns Undefined where there is none.
 * @throws {SyntaxError} If there are some and all are damaged.
 */
export async function loadCheckpoint(
  dir: string,
  warn: (message: string) => void,
): Promise<FoundCheckpoint | undefined> {
  const { checkpoint, next, previous } = runFiles(dir);
  let damage: SyntaxError | undefined;
  for (const path of [checkpoint, next, previous]) {
    if (!await exists(path)) continue;
    try {
      const file = await readSafetensors(path);
      if (damage) warn(`${damage.message}; going on from ${path}`);
      return { path, file };
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      damage ??= error;
    }
  }
  if (damage) throw damage;
  return undefined;
}

/** Whether a run has left checkpoints in a folder. */
export async function hasCheckpoint(dir: string): Promise<boolean> {
  const { checkpoint, next, previous } = runFiles(dir);
  return await exists(checkpoint) || await exists(next) || await exists(previous);
}

/** Removes a run's checkpoints and metrics; its model stays until a better one takes its place. */
export async function removeRun(dir: string): Promise<void> {
  const { checkpoint, next, previous, metrics } = runFiles(dir);
  for (const path of [checkpoint, next, previous, metrics]) if (await exists(path)) await Deno.remove(path);
}
