// This module is browser compatible.
/** The training step that is measured: tiny + attend as PyTorch's reference times it. */

import { DEFAULT_PREPROCESSING } from "../image/preprocess.ts";
import type { ModelConfig } from "../models/config.ts";
import type { HostBatch } from "../models/device_batch.ts";
import { TINY_CHANNELS } from "../models/tiny.ts";
import { END, START } from "../text/vocabulary.ts";

/** Sizes of a training step. */
export interface StepWork {
  readonly kind: "step";
  readonly name: string;
  /** Pictures. */
  readonly batch: number;
  /** Rows and columns of a picture. */
  readonly size: number;
  /** Ids of a caption, start and end included. */
  readonly ids: number;
  /** V. */
  readonly words: number;
}

/** The standard step. */
export const STEP_WORK: StepWork = {
  kind: "step",
  name: "training step",
  batch: 16,
  size: 64,
  ids: 12,
  words: 2048,
};

/** What a step's optimiser is told. */
export const STEP_RECIPE = {
  learningRate: 4e-4,
  schedule: "constant",
  warmup: 0,
  steps: 1e9,
  clipNorm: 5,
  alphaC: 1,
  seed: 1,
} as const;

/** The reference's model at a size of pictures. */
export function benchConfig(size: number, dropout: number): ModelConfig {
  return {
    encoder: "tiny",
    channels: TINY_CHANNELS,
    decoder: "attend",
    embedding: 128,
    hidden: 256,
    attention: 128,
    dropout,
    preprocessing: { ...DEFAULT_PREPROCESSING, size },
  };
}

/** Pictures of no meaning, bytes [count, size, size, 3]. */
export function benchPixels(count: number, size: number): Uint8Array {
  return Uint8Array.from({ length: count * size * size * 3 }, (_, i) => (i * 7919 + (i >> 7) * 31) & 255);
}

/** A batch with captions of equal length. */
export function stepBatch(
  { batch, size, ids, words }: StepWork,
): HostBatch & { readonly pixels: Uint8Array } {
  const captions = Uint32Array.from({ length: batch * ids }, (_, i) => {
    const column = i % ids;
    return column === 0 ? START : column === ids - 1 ? END : 4 + (i * 31) % (words - 4);
  });
  const lengths = new Uint32Array(batch).fill(ids);
  return { pixels: benchPixels(batch, size), captions, columns: ids, lengths };
}
