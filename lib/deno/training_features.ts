// This module runs in Deno only.
/** Whether a run reads pixels or cached features, and the batches that follow. */

import type { PictureChanges } from "../data/augmented.ts";
import type { BatchLoader, BatchSequence, WordBatch } from "../data/batches.ts";
import { count } from "../data/captions.ts";
import type { Split } from "../data/dataset.ts";
import { FeatureLoader, type FeatureSource } from "../data/feature_batches.ts";
import { FEATURE_TYPES, type FeatureOrigin, type FeatureType } from "../data/feature_origin.ts";
import type { CaptionModel } from "../models/caption_model.ts";
import type { HostPictures } from "../models/device_batch.ts";
import { type OptionDefinitions, UsageError } from "./cli.ts";
import { type DiskDataset, featureFolder } from "./dataset_disk.ts";
import { countFeatures, featureOrigin, openFeatures, prepareFeatures } from "./features.ts";
import { isFrozen } from "../train/groups.ts";
import type { Recipe } from "../train/recipe.ts";
import { progressBar } from "./progress.ts";
import { openShards } from "./shards.ts";

/** Values of `--features`. */
const FEATURE_MODES = ["auto", "on", "off"] as const;

/** Flags of `train` and `self-critical` that say what is read. */
export const FEATURE_OPTIONS = {
  features: {
    default: "auto",
    choices: FEATURE_MODES,
    description:
      "with a frozen encoder: read its cached features (auto: where they are there; on: make them)",
  },
  featuresType: {
    choices: FEATURE_TYPES,
    description: "numbers of the features (default: those that are there, else f16)",
  },
} as const satisfies OptionDefinitions;

/** What the flags say. */
export interface FeatureFlags {
  /** Folder of packed pictures and features. */
  readonly data: string;
  /** "auto": features where the encoder is frozen and they are there; "on": made where they are not; "off": pixels. */
  readonly features: (typeof FEATURE_MODES)[number];
  /** Default: those that are there, f32 before f16; where they must be made, f16. */
  readonly featuresType?: FeatureType;
}

/** Features of held-out pictures, as long as the encoder is the one that made them. */
export interface HeldFeatures {
  readonly source: FeatureSource;
  /** The last step after which they hold. */
  readonly until: number;
}

/** What a run reads its batches from. */
export interface TrainingBatches {
  readonly loader: BatchSequence<WordBatch & HostPictures>;
  /** For the model file and resuming: pixels and f32 features are "exact", they give the same losses. */
  readonly recipe: { readonly features: "exact" | "f16" };
  /** Features of the held-out pictures, where there are some. */
  readonly held?: HeldFeatures;
  close(): void;
}

/**
 * Chooses between pixels and features, and says so on stderr.
 *
 * @throws {UsageError} If features are asked for and the encoder is trained.
 */
export async function trainingBatches(
  parts: {
    readonly model: CaptionModel;
    readonly dataset: DiskDataset;
    readonly loader: BatchLoader;
    readonly recipe: Recipe;
    /** Where pictures change from epoch to epoch, features of them cannot be kept. */
    readonly changes?: PictureChanges;
  },
  flags: FeatureFlags,
): Promise<TrainingBatches> {
  const { model, dataset, loader, recipe: { fineTune, fineTuneFrom = 0 } } = parts;
  const frozenUntil = isFrozen(fineTune) ? Infinity : fineTuneFrom; // in steps
  const pixels: TrainingBatches = { loader, recipe: { features: "exact" }, close: () => {} };
  if (flags.features === "off") return pixels;
  const why = parts.changes
    ? "the pictures are cropped, flipped or coloured anew in each epoch, and so would be their features; leave " +
      "that out"
    : frozenUntil === 0
    ? "the encoder is trained from the first step on, so its features change; freeze it with --fine-tune none"
    : undefined;
  if (why) {
    if (flags.features === "auto") return pixels;
    throw new UsageError(`Cannot train on features: ${why}, or leave out --features on`);
  }
  const files = picturesOf(dataset);
  const found = await findFeatures(model, dataset, flags);
  if (!found && flags.features === "auto") return pixels;
  const { origin, dir } = found ?? await makeFeatures(model, dataset, flags);
  const features = await openFeatures(dir);
  const sourceOf = ({ images }: Split) => features.source(images.map(({ id }) => dataset.files.get(id)!));
  const where = features.inMemory ? "from memory" : "read ahead from the disk";
  console.error(
    `features ${origin.positions} × ${origin.channels} ${origin.type} of ${count(files.length)} pictures, ` +
      `${where}: ${dir}`,
  );
  return {
    loader: new FeatureLoader(loader, sourceOf(dataset.train), { until: frozenUntil }),
    held: { source: sourceOf(dataset.val), until: frozenUntil },
    recipe: { features: origin.type === "f16" ? "f16" : "exact" },
    close: () => features.close(),
  };
}

/** The files of all pictures with pixels, in a fixed order. */
function picturesOf({ train, val, test, files }: DiskDataset) {
  const images = [train, val, test].flatMap((split) => split?.images ?? []);
  return images.map(({ id }) => files.get(id)!);
}

interface FoundFeatures {
  readonly origin: FeatureOrigin;
  readonly dir: string;
}

/** The cache that holds the features of every picture; what lacks a few is named on stderr. */
async function findFeatures(
  model: CaptionModel,
  dataset: DiskDataset,
  { data, featuresType }: FeatureFlags,
): Promise<FoundFeatures | undefined> {
  const files = picturesOf(dataset);
  const types = featuresType ? [featuresType] : FEATURE_TYPES.toReversed();
  const first = await featureOrigin(model, types[0]);
  for (const type of types) {
    const origin = { ...first, type };
    const dir = await featureFolder(data, dataset.images, origin);
    const there = await countFeatures(dir, files, origin);
    if (there === files.length) return { origin, dir };
    if (there > 0) {
      console.error(
        `${dir} holds the features of ${count(there)} of ${count(files.length)} pictures as they are now: ` +
          `not used; \`deno task prepare --features\` or --features on makes the others`,
      );
    }
  }
}

/** Makes the features that are missing, with a bar. */
export async function makeFeatures(
  model: CaptionModel,
  dataset: DiskDataset,
  { data, featuresType = "f16", batch, verify, signal, breathe }:
    & Pick<FeatureFlags, "data" | "featuresType">
    & {
      readonly batch?: number;
      readonly verify?: boolean;
      readonly signal?: AbortSignal;
      /** Lets signals through. */
      readonly breathe?: () => Promise<void>;
    },
) {
  const origin = await featureOrigin(model, featuresType);
  const dir = await featureFolder(data, dataset.images, origin);
  const files = picturesOf(dataset);
  using pixels = await openShards(dataset.shards, { memoryBytes: 0 });
  const bar = progressBar({ label: "Encoding", total: files.length, unit: "pictures" });
  const report = await prepareFeatures(dir, files, {
    ...{ model, origin, pixels, batch, verify, signal },
    onVerify: async (done, total) => {
      bar.update(0, `${count(done)} of ${count(total)} verified`);
      await breathe?.();
    },
    onWait: () => bar.log("another process is making these features, waiting for it"),
    onProgress: async (done) => {
      bar.update(done);
      await breathe?.();
    },
  }).finally(() => bar.done());
  return { origin, dir, report };
}
