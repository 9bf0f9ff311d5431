// This module runs in Deno only.
/** The flags of step 5. */

import { FEATURE_TYPES } from "../data/feature_origin.ts";
import { DEFAULT_PREPROCESSING } from "../image/preprocess.ts";
import { ENCODERS } from "../models/config.ts";
import { type CommandDescription, type OptionDefinitions, UsageError } from "./cli.ts";
import { DEVICE_OPTIONS } from "./device_options.ts";
import { WEIGHTS_OPTION } from "./start_weights.ts";

/** Flags of `prepare`. */
export const PREPARE_OPTIONS = {
  data: { default: "data", description: "folder of downloads", placeholder: "DIR" },
  annotations: {
    description: "a caption file or a folder of some, in place of the downloaded",
    placeholder: "FILE",
  },
  images: { description: "folder of the photos, in place of img in --data", placeholder: "DIR" },
  dataset: {
    description: "which captions, where there are several: karpathy, coco2014 …",
    placeholder: "NAME",
  },
  size: {
    default: DEFAULT_PREPROCESSING.size,
    min: 1,
    max: 4096,
    description: "width and height of a photo in pixels",
  },
  resize: { default: "squash", choices: ["squash", "crop"], description: "the whole photo, or its centre" },
  shortSide: {
    type: "integer",
    min: 1,
    description: "with crop: pixels of the shorter side before (default --size)",
  },
  minCount: { default: 6, min: 1, description: "words that occur less often become unknown" },
  captions: { default: "all", choices: ["all", "first"], description: "captions of each photo to train on" },
  words: {
    choices: ["auto", "ptb", "segment", "given"],
    description: "what splits captions into words (default: the file's own words, else auto)",
  },
  maxWords: { default: 50, min: 1, description: "captions are cut behind this many words" },
  valShare: {
    type: "number",
    max: 0.99,
    description: "share held out for validation (default: as the file says, else 0.05)",
  },
  threads: { default: navigator.hardwareConcurrency, min: 1, max: 256, description: "workers that decode" },
  json: { default: false, description: "print JSON for machines" },
  features: {
    default: false,
    description: "run a frozen encoder over the photos too, once: training then reads what it made",
  },
  encoder: { choices: ENCODERS, default: "tiny", description: "with --features: what looks at the photos" },
  ...WEIGHTS_OPTION,
  grid: {
    type: "integer",
    min: 1,
    max: 64,
    description: "rows and columns that the encoder's map is averaged to (default: as it is)",
  },
  featuresType: {
    choices: FEATURE_TYPES,
    default: "f16",
    description: "numbers in 16 bits, or in 32: then losses are those of pixels",
  },
  batch: { default: 16, min: 1, max: 4096, description: "photos that the encoder sees at once" },
  seed: { default: 1, description: "of an encoder that has no weights: names its random numbers" },
  ...DEVICE_OPTIONS,
} as const satisfies OptionDefinitions;

/**
 * Refuses sizes that do not go together, before anything is looked for.
 *
 * @throws {UsageError} If photos would be made smaller than what is then cut out of them.
 */
export function checkPrepareSizes(
  { size, resize, shortSide = size }: {
    readonly size: number;
    readonly resize: string;
    readonly shortSide?: number;
  },
): void {
  if (resize !== "crop" || shortSide >= size) return;
  throw new UsageError(
    `Cannot cut ${size} × ${size} pixels out of photos whose shorter side is ${shortSide}: ` +
      `give a --short-side of at least ${size}, or a smaller --size`,
  );
}

/** Head and examples of `prepare --help`. */
export const PREPARE_ABOUT: CommandDescription = {
  command: "deno task prepare",
  purpose: "Makes photos and captions ready for training.",
  examples: [
    "deno task prepare --size 64 --min-count 6",
    "deno task prepare --annotations my/captions.csv",
    "deno task prepare --features --encoder mobilenet_v2 --weights mobilenet_v2-7ebf99e0 --size 224",
  ],
};
