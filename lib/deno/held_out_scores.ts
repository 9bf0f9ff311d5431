// This module runs in Deno only.
import { exists } from "@std/fs/exists";
import type { FeatureSource } from "../data/feature_batches.ts";
import type { Split } from "../data/dataset.ts";
import { checkCaption, scoreTruth } from "../data/shapes_check.ts";
import type { Scene } from "../data/shapes.ts";
import type { LoadedModel } from "../models/model_file.ts";
import { validateCaptions } from "../train/validate_captions.ts";
import type { Interrupt } from "./interrupt.ts";
import { readScenes } from "./shapes_disk.ts";
import { validationProgress } from "./training.ts";

/** The scenes behind a data folder's pictures, where it holds the built-in picture world. */
export async function scenesOf(data: string): Promise<ReadonlyMap<number, Scene> | undefined> {
  return await exists(`${data}/scenes.json`) ? await readScenes(data) : undefined;
}

/** Captions of held-out pictures and what they are worth. */
export interface HeldOutScores {
  readonly captions: readonly string[];
  /** CIDEr-D and others by name; of the picture world also `truth` and `facts`: shares of true captions and facts. */
  readonly scores: Readonly<Record<string, number>>;
  /** See {@linkcode validateCaptions}. */
  readonly warnings: readonly string[];
}

/** Options of {@linkcode heldOutScores}. */
export interface HeldOutOptions {
  /** The scenes behind the pictures, where they are known. */
  readonly scenes?: ReadonlyMap<number, Scene>;
  /** What may interrupt it. */
  readonly interrupt: Interrupt;
  /** Width of the beam. Default 1: greedy. */
  readonly beam?: number;
  /** Features of the split's pictures, made by the encoder as it is. Default: it sees the pixels. */
  readonly features?: FeatureSource;
}

/**
 * Scores of captions that the model writes for a split's pictures.
 *
 * @returns Undefined if it was interrupted.
 */
export async function heldOutScores(
  loaded: Pick<LoadedModel, "model" | "vocabulary" | "info">,
  split: Split,
  { scenes, interrupt, beam, features }: HeldOutOptions,
): Promise<HeldOutScores | undefined> {
  const { onBatch, done } = validationProgress(interrupt, "pictures");
  const found = await validateCaptions(loaded, split, { beam, features, onBatch }).finally(done);
  if (!found) return undefined;
  const { captions, scores, warnings } = found;
  const images = split.images.slice(0, captions.length);
  if (!images.every(({ id }) => scenes?.has(id))) return { captions, scores, warnings };
  const truth = scoreTruth(images.map(({ id }, i) => checkCaption(scenes!.get(id)!, captions[i])));
  return { captions, scores: { ...scores, ...truth }, warnings };
}
