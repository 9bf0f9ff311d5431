// This module is browser compatible.
import type { BatchSource } from "../data/batches.ts";
import type { FeatureSource } from "../data/feature_batches.ts";
import { tensor } from "../tensor.ts";
import {
  captionFeatures,
  type CaptionOptions,
  captionPixels,
  type CaptionWriter,
  type Writer,
  type WrittenCaption,
} from "./captioner.ts";

/** Options of {@linkcode captionSplit}, beside those of the search. */
export interface CaptionSplitOptions {
  /** Pictures in one batch. Default 16. */
  readonly batchSize?: number;
  /** Only this many, the first ones. Default: all. */
  readonly most?: number;
  /** Features of the pictures, made by the encoder of the one writer as it is. Default: encoders see the pixels. */
  readonly features?: FeatureSource;
  /** Called after each batch; a promise is waited for. Returning true ends it with the captions so far. */
  readonly onProgress?: (done: number, total: number) => void | boolean | Promise<void | boolean>;
}

/** Captions every picture of a split, unless it is ended before: its captions, best first, in the split's order. */
export async function captionSplit(
  writer: Writer,
  split: Pick<BatchSource, "imageIds" | "pixels">,
  { batchSize = 16, most = Infinity, features, onProgress = () => {}, ...search }:
    & CaptionSplitOptions
    & CaptionOptions = {},
): Promise<WrittenCaption[][]> {
  const total = Math.min(split.imageIds.length, most);
  const captions: WrittenCaption[][] = [];
  while (captions.length < total) {
    const count = Math.min(batchSize, total - captions.length);
    const numbers = Array.from({ length: count }, (_, i) => captions.length + i);
    const place = "samples" in search ? { firstImage: captions.length } : {}; // random numbers are a picture's own
    const options = { ...search, ...place };
    captions.push(
      ...features && "model" in writer
        ? await captionFeatures([writer], [await upload(writer, features, numbers)], options)
        : await captionPixels(writer, split.pixels(numbers), options),
    );
    if (await onProgress(captions.length, total)) break;
  }
  return captions;
}

async function upload({ model }: CaptionWriter, source: FeatureSource, numbers: readonly number[]) {
  const { backend, encoder: { positions, channels } } = model;
  const features = source.alloc(numbers.length);
  await source.read(Uint32Array.from(numbers), features);
  return tensor(backend, features, { shape: [numbers.length, positions, channels], label: "features" });
}
