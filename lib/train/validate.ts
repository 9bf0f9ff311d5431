// This module is browser compatible.
import { type Batch, BatchLoader, type BatchSource } from "../data/batches.ts";
import { type FeatureBatch, type FeatureSource, firstEpoch } from "../data/feature_batches.ts";
import type { CaptionModel } from "../models/caption_model.ts";
import { uploadBatch } from "../models/device_batch.ts";
import { scope } from "../scope.ts";
import { readAndFree } from "../tensor.ts";

/** Steps between validations at least, where they are not set: an epoch of a small set is over in no time. */
const LEAST_STEPS = 100;

/** Steps between validations, where they are not set: an epoch, or several of a small set. */
export function usualValidationSteps(stepsPerEpoch: number): number {
  return stepsPerEpoch * Math.ceil(LEAST_STEPS / stepsPerEpoch);
}

/** Options of {@linkcode validationLoss}. */
export interface ValidationOptions {
  /** Captions in a batch. */
  readonly batchSize: number;
  /** Features of the split's pictures, made by the encoder as it is. Default: it sees each caption's picture. */
  readonly features?: FeatureSource;
  /** Called after each batch; returning true ends the validation without a result. */
  readonly onBatch?: (done: number, total: number) => Promise<boolean>;
}

/**
 * Mean cross entropy over all captions of a split in evaluation mode, with teacher forcing.
 *
 * @returns Nats per word; undefined if `onBatch` ended it.
 */
export async function validationLoss(
  model: CaptionModel,
  split: BatchSource,
  { batchSize, features, onBatch }: ValidationOptions,
): Promise<number | undefined> {
  const loader = new BatchLoader(split, { batchSize, shuffle: false });
  const read = async (batch: Batch | FeatureBatch) => {
    const entropy = scope(() =>
      model.loss(uploadBatch(model.backend, batch), { training: false }).crossEntropy
    );
    const [[value]] = await readAndFree([entropy]);
    // every id but the start token is predicted
    const words = batch.lengths.reduce((sum, length) => sum + length - 1, 0);
    return { value, words };
  };
  let sum = 0;
  let words = 0;
  let done = 0;
  for await (const batch of firstEpoch(loader, features)) {
    const reading = await read(batch);
    sum += reading.value * reading.words;
    words += reading.words;
    if (await onBatch?.(++done, loader.stepsPerEpoch)) return undefined;
  }
  return sum / words;
}
