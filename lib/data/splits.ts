// This module is browser compatible.
/** Which pictures are for training, which for validation and which for the test. */

import { hash32 } from "../random.ts";
import type { CaptionImage, SplitName } from "./captions.ts";

/** Options of {@linkcode assignSplits}. */
export interface SplitOptions {
  /**
   * Share of the pictures that are not for the test to hold out for validation, 0 to 1. Default: as the caption
   * file says; where it says nothing, 0.05 and at most 5,000 pictures.
   */
  readonly valShare?: number;
}

/** Share held out where nobody says. */
const DEFAULT_VAL_SHARE = 0.05;
const MOST_VAL = 5000; // as many as Karpathy's: more make validation slow and hardly surer

/**
 * Deals pictures into splits. Held-out pictures are chosen by a hash of the file name, so the same file gives the
 * same split everywhere. With fewer than 2 pictures everything is for training.
 *
 * @throws {RangeError} If the share is not in [0, 1), or all pictures are for the test.
 */
export function assignSplits(
  images: readonly CaptionImage[],
  options: SplitOptions = {},
): Record<SplitName, CaptionImage[]> {
  const { valShare } = options;
  if (valShare !== undefined && !(valShare >= 0 && valShare < 1)) {
    throw new RangeError(`Cannot hold out a share of ${valShare}: it should be at least 0 and less than 1`);
  }
  const splits: Record<SplitName, CaptionImage[]> = { train: [], val: [], test: [] };
  for (const image of images) splits[image.split ?? "train"].push(image);
  const told = splits.train.length > 0 && splits.val.length > 0;
  if (told && valShare === undefined) return splits;
  const pool = images.filter((image) => image.split !== "test");
  if (pool.length === 0) {
    throw new RangeError(
      `Cannot train on ${images.length} pictures: ${
        images.length === 0 ? "there are none" : "all of them are for the test"
      }, at least 1 with captions should be for training`,
    );
  }
  let held = Math.round(pool.length * (valShare ?? DEFAULT_VAL_SHARE));
  if (valShare === undefined) held = Math.min(held, MOST_VAL);
  if (valShare !== 0 && pool.length > 1) held = Math.max(held, 1);
  held = Math.min(held, pool.length - 1);
  const chosen = new Set(
    pool.map((image) => ({ image, key: nameHash(image.fileName) }))
      .sort((a, b) => a.key - b.key || (a.image.fileName < b.image.fileName ? -1 : 1))
      .slice(0, held)
      .map(({ image }) => image),
  );
  return {
    train: pool.filter((image) => !chosen.has(image)),
    val: pool.filter((image) => chosen.has(image)),
    test: splits.test,
  };
}

function nameHash(name: string): number {
  return hash32(...new TextEncoder().encode(name));
}
