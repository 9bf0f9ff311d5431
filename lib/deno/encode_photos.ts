// This module runs in Deno only.
import { CaptionModel } from "../models/caption_model.ts";
import type { ModelConfig } from "../models/config.ts";
import { TINY_CHANNELS } from "../models/tiny.ts";
import type { FeatureType } from "../data/feature_origin.ts";
import type { DiskDataset } from "./dataset_disk.ts";
import { watchInterrupt } from "./interrupt.ts";
import { openDevice } from "./open_device.ts";
import { Interrupted } from "./run_script.ts";
import { makeFeatures } from "./training_features.ts";

/** A decoder as small as there is: features come from the encoder alone. */
const NO_DECODER = { decoder: "show_tell", embedding: 1, hidden: 1, attention: 1, dropout: 0 } as const;

/**
 * `prepare --features`: runs an encoder over all photos of a dataset, with a bar; Ctrl-C keeps what is made.
 *
 * @throws {Interrupted} After Ctrl-C.
 */
export async function encodePhotos(
  dataset: DiskDataset,
  options: Parameters<typeof openDevice>[0] & {
    readonly data: string;
    readonly encoder: ModelConfig["encoder"];
    readonly seed: number;
    readonly featuresType: FeatureType;
    readonly batch: number;
  },
) {
  const { encoder, seed, data, featuresType, batch } = options;
  const backend = await openDevice(options);
  console.error(`encoding on ${backend.description}`);
  const { preprocessing } = dataset;
  const channels = encoder === "tiny" ? TINY_CHANNELS : undefined;
  const config = { ...NO_DECODER, encoder, channels, preprocessing };
  const model = new CaptionModel(backend, config, { words: 5, seed });
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
