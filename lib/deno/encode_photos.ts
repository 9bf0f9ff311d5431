// This module runs in Deno only.
/** `prepare --features`: an encoder runs over all photos of a dataset, once. */

import type { FeatureType } from "../data/feature_origin.ts";
import type { Preprocessing } from "../image/preprocess.ts";
import { CaptionModel } from "../models/caption_model.ts";
import type { EncoderName, ModelConfig } from "../models/config.ts";
import { type EncoderWeights, loadEncoder } from "../models/encoder_weights.ts";
import { sizeProblem } from "../models/encoders.ts";
import { TINY_CHANNELS } from "../models/tiny.ts";
import { UsageError } from "./cli.ts";
import type { DiskDataset } from "./dataset_disk.ts";
import { watchInterrupt } from "./interrupt.ts";
import { openDevice } from "./open_device.ts";
import { Interrupted } from "./run_script.ts";
import { planWithWeights } from "./start_weights.ts";
import { makeFeatures } from "./training_features.ts";

/** An encoder to be, with the smallest decoder there is: features come from the encoder alone. */
export interface EncoderPlan {
  readonly config: ModelConfig;
  /** Undefined where it starts at random. */
  readonly weights: EncoderWeights | undefined;
}

/**
 * What the flags say of the encoder; reads its weights, so that what is wrong with them is found before hours of work.
 *
 * @throws {UsageError} If the pictures' size does not suit the encoder.
 * @throws {Error} If the weights are not there, or of another encoder.
 */
export async function planEncoder(
  preprocessing: Preprocessing,
  flags: {
    readonly data: string;
    readonly encoder: EncoderName;
    readonly weights?: string;
    readonly grid?: number;
  },
): Promise<EncoderPlan> {
  const { encoder, grid } = flags;
  const problem = sizeProblem(encoder, preprocessing.size);
  if (problem) {
    throw new UsageError(`Cannot read --size ${preprocessing.size}: ${encoder} expects ${problem}`);
  }
  const channels = encoder === "tiny" ? TINY_CHANNELS : undefined;
  const decoder = { decoder: "show_tell", embedding: 1, hidden: 1, attention: 1, dropout: 0 } as const;
  const config = { ...decoder, encoder, channels, grid, preprocessing };
  const { plan, weights } = await planWithWeights({ config, data: { preprocessing } }, flags);
  return { config: plan.config, weights };
}

/**
 * Runs an encoder over all photos of a dataset, with a bar; Ctrl-C keeps what is made.
 *
 * @throws {Interrupted} After Ctrl-C.
 */
export async function encodePhotos(
  { config, weights }: EncoderPlan,
  dataset: DiskDataset,
  flags: Parameters<typeof openDevice>[0] & {
    readonly data: string;
    readonly seed: number;
    readonly featuresType: FeatureType;
    readonly batch: number;
  },
) {
  const { seed, data, featuresType, batch } = flags;
  const backend = await openDevice(flags);
  console.error(`encoding with ${config.encoder} on ${backend.description}`);
  if (!weights) {
    console.error(
      `warning: ${config.encoder} has random weights, its features tell little of a photo: name ImageNet's with --weights`,
    );
  }
  const model = new CaptionModel(backend, config, { words: 5, seed });
  if (weights) loadEncoder(model, weights);
  const controller = new AbortController();
  const interrupt = watchInterrupt(() =>
    controller.abort(
      new Interrupted("interrupted: what is encoded stays, the same command goes on from there"),
    )
  );
  try {
    return await makeFeatures(model, dataset, {
      ...{ data, featuresType, batch },
      verify: true,
      signal: controller.signal,
      breathe: () => interrupt.breathe(),
    });
  } finally {
    interrupt.close();
    model.dispose();
    backend.close();
  }
}
