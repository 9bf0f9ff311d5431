// This module runs in Deno only.
/** What the training script needs beside the loop. */

import type { Split } from "../data/dataset.ts";
import { captionPixels } from "../models/captioner.ts";
import type { LoadedModel } from "../models/model_file.ts";
import { hasCheckpoint, runFiles } from "./checkpoints.ts";
import { UsageError } from "./cli.ts";

/** Pictures whose captions are shown at each validation. */
const SAMPLES = 3;

/** Captions of the first pictures of a split beside a true one, for people to read. */
export async function sampleCaptions(
  loaded: Pick<LoadedModel, "model" | "vocabulary" | "info">,
  split: Split,
): Promise<string[]> {
  const numbers = Array.from({ length: Math.min(SAMPLES, split.images.length) }, (_, i) => i);
  const captions = await captionPixels(loaded, split.pixels(numbers), { beam: 1, maxLength: 30 });
  return captions.map(([{ text }], i) =>
    `  ${split.images[i].fileName}: "${text}" (true: "${split.captions[i][0].trim()}")`
  );
}

/**
 * When to write checkpoints: "500" for every 500 steps, "10m" for every ten minutes.
 *
 * @throws {UsageError} If it is neither.
 */
export function checkpointDue(every: string): (step: number) => boolean {
  const [, digits, unit] = /^(\d+)(m?)$/.exec(every) ?? [];
  const amount = Number(digits);
  if (!(amount > 0)) {
    throw new UsageError(
      `Cannot read --checkpoint-every ${every}: expected steps such as 500, or minutes such as 10m`,
    );
  }
  if (unit !== "m") return (step) => step % amount === 0;
  let last = performance.now();
  return () => {
    if (performance.now() - last < amount * 60_000) return false;
    last = performance.now();
    return true;
  };
}

/** @throws {Error} If a folder holds an earlier run: it is never overwritten unasked. */
export async function refuseOldRun(dir: string): Promise<void> {
  if (!await hasCheckpoint(dir)) return;
  throw new Error(
    `Cannot start a run in ${dir}: ${runFiles(dir).checkpoint} is there, add --resume to go on with it, ` +
      `--fresh to replace it, or choose another folder with --out`,
  );
}
