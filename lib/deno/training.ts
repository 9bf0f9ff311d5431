// This module runs in Deno only.
/** What the training script needs beside the loop. */

import { count, counted } from "../data/captions.ts";
import type { Split } from "../data/dataset.ts";
import { captionPixels } from "../models/captioner.ts";
import type { LoadedModel } from "../models/model_file.ts";
import { exists } from "@std/fs/exists";
import { type FoundCheckpoint, hasCheckpoint, loadCheckpoint, runFiles } from "./checkpoints.ts";
import { UsageError } from "./cli.ts";
import type { Interrupt } from "./interrupt.ts";
import { type ProgressBar, progressBar } from "./progress.ts";

/** Pictures whose captions are shown at each validation. */
const SAMPLES = 3;

/** Captions of the first pictures of a split beside a true one, for people to read. */
export async function sampleCaptions(
  loaded: Pick<LoadedModel, "model" | "vocabulary" | "info">,
  split: Split,
): Promise<string[]> {
  const numbers = Array.from({ length: Math.min(SAMPLES, split.images.length) }, (_, i) => i);
  const captions = await captionPixels(loaded, split.pixels(numbers), { beam: 1, maxLength: 30 });
  return sampleLines(split, captions.map(([{ text }]) => text));
}

/** The first captions of a split's pictures beside true ones, a line each. */
export function sampleLines(split: Split, captions: readonly string[]): string[] {
  return captions.slice(0, SAMPLES).map((text, i) =>
    `  ${split.images[i].fileName}: "${text}" (true: "${split.captions[i][0].trim()}")`
  );
}

/** Steps from which on a captioner that starts from nothing writes sentences, as a rule; before it stammers. */
const FEW_STEPS = 1000;

/** How long a run is, and what to expect of a short one. */
export function describeLength(
  { steps, stepsPerEpoch, batch }: {
    readonly steps: number;
    readonly stepsPerEpoch: number;
    /** Captions in a step. */
    readonly batch: number;
  },
): string[] {
  const epochs = counted(+(steps / stepsPerEpoch).toFixed(2), "epoch");
  const lines = [`${counted(steps, "step")} of ${counted(batch, "caption")}, ${epochs}`];
  if (steps < FEW_STEPS) {
    lines.push(
      `${counted(steps, "step")} are few: captions become sentences after ${
        count(FEW_STEPS)
      } or so, --steps N takes more`,
    );
  }
  return lines;
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
  let last: number | undefined;
  return () => {
    last ??= performance.now(); // the first step was a moment ago
    if (performance.now() - last < amount * 60_000) return false;
    last = performance.now();
    return true;
  };
}

/** @throws {Error} If a folder holds an earlier run or a model: neither is overwritten unasked. */
export async function refuseOldRun(dir: string): Promise<void> {
  const { checkpoint, model } = runFiles(dir);
  const refuse = (path: string, ways: string) => {
    throw new Error(
      `Cannot start a run in ${dir}: ${path} is there, ${ways}--fresh to replace it, or choose another ` +
        `folder with --out`,
    );
  };
  if (await hasCheckpoint(dir)) refuse(checkpoint, "add --resume to go on with it, ");
  if (await exists(model)) refuse(model, "add ");
}

/**
 * The checkpoint that a run goes on from.
 *
 * @throws {Error} If there is none.
 */
export async function checkpointToResume(dir: string): Promise<FoundCheckpoint> {
  const found = await loadCheckpoint(dir, (message) => console.error(message));
  if (found) return found;
  const { checkpoint } = runFiles(dir);
  throw new Error(
    `Cannot resume: there is no ${checkpoint}, name the run's folder with --out, or leave out --resume`,
  );
}

/** Progress of packing: a bar that comes with the first picture, since later runs find all of them packed. */
export function packingProgress() {
  let bar: ProgressBar | undefined;
  return {
    onProgress(done: number, total: number, bad: number): void {
      bar ??= progressBar({ label: "Packing", total, unit: "pictures" });
      bar.update(done, bad > 0 ? `${bad} bad` : undefined);
    },
    onWait: () => console.error("another process is packing these pictures, waiting for it"),
    done: () => bar?.done(),
  };
}

/** Time after which a validation shows a bar, in milliseconds. */
const SILENT_MS = 2000;

/** Lets signals through while a split is validated, and shows a bar if that takes long. */
export function validationProgress(interrupt: Interrupt, unit: "batches" | "pictures" = "batches") {
  const started = performance.now();
  let bar: ProgressBar | undefined;
  return {
    async onBatch(done: number, total: number): Promise<boolean> {
      if (performance.now() - started > SILENT_MS) {
        bar ??= progressBar({ label: "Validating", total, unit });
      }
      bar?.update(done);
      await interrupt.breathe();
      return interrupt.requested;
    },
    done: () => bar?.done(),
  };
}
