// This module is browser compatible.
import type { BatchSource } from "../data/batches.ts";
import type { BeamOptions } from "./beam_search.ts";
import { captionPixels, type WrittenCaption } from "./captioner.ts";
import type { LoadedModel } from "./model_file.ts";

/** Options of {@linkcode captionSplit}. */
export interface CaptionSplitOptions extends BeamOptions {
  /** Pictures in one batch. Default 16. */
  readonly batchSize?: number;
  /** Called after each batch; a promise is waited for. */
  readonly onProgress?: (done: number, total: number) => void | Promise<void>;
}

/** Captions every picture of a split: its captions, best first, in the split's order. */
export async function captionSplit(
  loaded: Pick<LoadedModel, "model" | "vocabulary">,
  split: Pick<BatchSource, "imageIds" | "pixels">,
  { batchSize = 16, onProgress = () => {}, ...search }: CaptionSplitOptions = {},
): Promise<WrittenCaption[][]> {
  const total = split.imageIds.length;
  const captions: WrittenCaption[][] = [];
  while (captions.length < total) {
    const count = Math.min(batchSize, total - captions.length);
    const numbers = Array.from({ length: count }, (_, i) => captions.length + i);
    captions.push(...await captionPixels(loaded, split.pixels(numbers), search));
    await onProgress(captions.length, total);
  }
  return captions;
}
