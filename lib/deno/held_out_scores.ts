// This module runs in Deno only.
import { exists } from "@std/fs/exists";
import type { Split } from "../data/dataset.ts";
import { checkCaption, scoreTruth } from "../data/shapes_check.ts";
import type { Scene } from "../data/shapes.ts";
import { captionPixels } from "../models/captioner.ts";
import type { LoadedModel } from "../models/model_file.ts";
import { scoreCaptions } from "../text/score.ts";
import { tokenizer } from "../text/tokenize.ts";
import type { Interrupt } from "./interrupt.ts";
import { readScenes } from "./shapes_disk.ts";
import { validationProgress } from "./training.ts";

/** Captions in one batch. */
const BATCH = 50;

/** The scenes behind a data folder's pictures, where it holds the built-in picture world. */
export async function scenesOf(data: string): Promise<ReadonlyMap<number, Scene> | undefined> {
  return await exists(`${data}/scenes.json`) ? await readScenes(data) : undefined;
}

/** Scores of captions of held-out pictures. */
export interface HeldOutScores {
  /** CIDEr-D. */
  readonly CIDEr: number;
  /** Of the picture world: share of captions that are true, and of stated facts that hold. */
  readonly truth?: number;
  readonly facts?: number;
}

/**
 * Scores of greedy captions of a split.
 *
 * @param options `scenes` behind the pictures, where they are known; what may interrupt it.
 * @returns Undefined if it was interrupted.
 */
export async function heldOutScores(
  loaded: Pick<LoadedModel, "model" | "vocabulary" | "info">,
  split: Split,
  { scenes, interrupt }: { readonly scenes?: ReadonlyMap<number, Scene>; readonly interrupt: Interrupt },
): Promise<HeldOutScores | undefined> {
  const { onBatch, done } = validationProgress(interrupt, "pictures");
  const captions: string[] = [];
  const total = split.images.length;
  while (captions.length < total) {
    const numbers = Array.from(
      { length: Math.min(BATCH, total - captions.length) },
      (_, i) => captions.length + i,
    );
    const written = await captionPixels(loaded, split.pixels(numbers), { beam: 1 });
    captions.push(...written.map(([best]) => best.text));
    if (await onBatch(captions.length, total)) break;
  }
  done();
  if (captions.length < total) return undefined;
  const { wordSource } = loaded.info;
  const tokenize = tokenizer(wordSource === "given" ? "auto" : wordSource);
  const { CIDEr } = scoreCaptions(
    new Map(split.images.map(({ id }, i) => [id, split.captions[i].map(tokenize)])),
    new Map(split.images.map(({ id }, i) => [id, tokenize(captions[i])])),
  );
  if (!split.images.every(({ id }) => scenes?.has(id))) return { CIDEr };
  const checks = split.images.map(({ id }, i) => checkCaption(scenes!.get(id)!, captions[i]));
  return { CIDEr, ...scoreTruth(checks) };
}
