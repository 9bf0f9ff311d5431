/** A small model's training, for tests of what a trainer can do. */

import { CpuBackend } from "../lib/backend/cpu.ts";
import { BatchLoader } from "../lib/data/batches.ts";
import type { Recipe } from "../lib/train/recipe.ts";
import { Trainer } from "../lib/train/trainer.ts";
import { CONFIG as SMALL, randomPictures } from "./small_model.ts";

/** A model without dropout. */
export const CONFIG = { ...SMALL, dropout: 0 };

/** Adam, at a constant rate. */
export const RECIPE: Recipe = {
  learningRate: 1e-2,
  schedule: "constant",
  warmup: 0,
  steps: 100,
  clipNorm: 5,
  alphaC: 1,
  seed: 5,
};

/** In float64. */
export const exact = new CpuBackend();

/** The first batch of an epoch. */
export const batch = new BatchLoader(randomPictures(), { batchSize: 10, seed: 1 }).batch({
  epoch: 0,
  step: 0,
});

/** Takes steps on that batch, and returns what they reported. */
export async function steps(trainer: Trainer, count: number) {
  for (let i = 0; i < count; i++) await trainer.step(batch);
  return await trainer.readings();
}
