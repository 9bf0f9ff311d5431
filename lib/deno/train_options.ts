// This module runs in Deno only.
/** The training script's flags, and how they override a preset. */

import { DEFAULT_PREPROCESSING } from "../image/preprocess.ts";
import type { ModelConfig } from "../models/config.ts";
import { sizeProblem } from "../models/encoders.ts";
import type { PictureChanges } from "../data/augmented.ts";
import { modelConfig, type Preset, PRESET_NAMES, PRESETS } from "../train/presets.ts";
import { BEST_BY } from "../train/run_state.ts";
import { TOKENIZER_NAMES } from "../text/tokenize.ts";
import { type CommandDescription, type OptionDefinitions, type Options, UsageError } from "./cli.ts";
import { DEVICE_OPTIONS } from "./device_options.ts";
import { EARLY_STOP, MODEL_OPTIONS, OPTIMISER_OPTIONS } from "./recipe_options.ts";
import { WEIGHTS_OPTION } from "./start_weights.ts";
import { FEATURE_OPTIONS } from "./training_features.ts";

/** Flags of `train`. Those without a default take the preset's value. */
export const TRAIN_OPTIONS = {
  preset: {
    default: "default",
    choices: PRESET_NAMES,
    description: "recipe; flags below override its values",
  },
  explain: {
    default: false,
    description: "print the model, its size, arithmetic and an epoch's expected time, and end; needs no data",
  },
  data: { default: "data", placeholder: "DIR", description: "folder of downloaded data and packed pictures" },
  annotations: {
    placeholder: "FILE",
    description: "your own captions: COCO JSON, captions.json or captions.csv",
  },
  images: { placeholder: "DIR", description: "folder of the photographs that --annotations names" },
  dataset: { placeholder: "NAME", description: "which captions, where the folder holds several sets" },
  out: { placeholder: "DIR", description: "folder for model, checkpoints and metrics (default: --data)" },
  resume: { default: false, description: "go on from the checkpoint in --out" },
  fresh: { default: false, description: "start anew although --out holds a checkpoint, which is removed" },
  steps: { type: "integer", min: 1, description: "length of the run in steps; instead of --epochs" },
  epochs: { type: "number", min: 0.001, description: "length of the run in passes over the captions" },
  ...MODEL_OPTIONS,
  ...WEIGHTS_OPTION,
  batch: { type: "integer", min: 1, max: 4096, description: "captions in a step" },
  accumulate: {
    default: 1,
    min: 1,
    max: 4096,
    description:
      "passes in which a step goes through its batch: less memory, the same step (but for batch norm)",
  },
  syncBn: {
    default: false,
    description: "under mpirun: batch norm sees the pictures of all processes, as one process alone would",
  },
  minCount: { type: "integer", min: 1, description: "words seen less often become unknown" },
  captions: {
    choices: ["all", "first", "draw"],
    description: "captions in an epoch; draw: one of each picture's",
  },
  words: {
    choices: TOKENIZER_NAMES,
    description: "how captions are split into words (default: by their script)",
  },
  valShare: {
    type: "number",
    max: 0.9,
    description: "share of pictures held out where the data name no split",
  },
  ...OPTIMISER_OPTIONS,
  logEvery: { default: 20, min: 1, max: 64, description: "steps between log lines" },
  validateEvery: {
    type: "integer",
    min: 1,
    description: "steps between validations (default: an epoch, or several that make 100 steps)",
  },
  bestBy: {
    choices: BEST_BY,
    description:
      "what the best model is chosen by (default: cider, with fewer than 8 held-out pictures cross-entropy)",
  },
  earlyStop: EARLY_STOP,
  valBeam: {
    default: 1,
    min: 1,
    max: 100,
    description: "width of the beam that validation captions are written with; 1 is greedy",
  },
  checkpointEvery: { default: "500", description: "steps between checkpoints, or minutes: 10m" },
  maxMegapixels: {
    default: 100,
    type: "number",
    min: 0.001,
    description: "larger photographs are left out, by their header",
  },
  seed: { default: 1, description: "names all random numbers" },
  ...FEATURE_OPTIONS,
  ...DEVICE_OPTIONS,
  json: { default: false, description: "print the result as JSON on stdout" },
} as const satisfies OptionDefinitions;

/** Head and examples of `train --help`. */
export const TRAIN_ABOUT: CommandDescription = {
  purpose: "Trains a captioner on photographs with captions.",
  command: "deno task train",
  examples: [
    "deno task train --epochs 20",
    "deno task train --annotations my/captions.json --images my/photos --min-count 1 --out my/model",
    "deno task train --preset sgrvinod",
    "deno task train --preset sgrvinod --explain",
    "deno task train --resume",
  ],
};

/** What the flags and the preset say together. */
export interface TrainingPlan {
  readonly preset: Preset;
  readonly config: ModelConfig;
  readonly epochs: number;
  /** How the recipe changes its pictures, for the model file. */
  readonly changes: Partial<Pick<Preset, "cropFrom" | "flip" | "colour">>;
  /** For openDataset. */
  readonly data: {
    readonly preprocessing: ModelConfig["preprocessing"];
    readonly minCount: number;
    readonly captions: "all" | "first";
    readonly maxPixels: number;
  };
  /** For the BatchLoader. */
  readonly batches: {
    readonly batchSize: number;
    readonly seed: number;
    readonly captions: Preset["captions"];
    /** Where the recipe changes its pictures. */
    readonly changes?: PictureChanges;
  };
}

/**
 * Fills what the flags leave open from the preset.
 *
 * @throws {UsageError} If two flags contradict each other, or the size does not suit the encoder.
 */
export function trainingPlan(options: Options<typeof TRAIN_OPTIONS>): TrainingPlan {
  const { fresh, resume, steps, epochs } = options;
  if (fresh && resume) {
    throw new UsageError("Cannot start: --fresh and --resume exclude each other, give one");
  }
  if (steps !== undefined && epochs !== undefined) {
    throw new UsageError("Cannot start: --steps and --epochs both set the length of the run, give one");
  }
  const preset = overridden(options);
  const problem = sizeProblem(preset.encoder, preset.size);
  if (problem) {
    throw new UsageError(`Cannot read --size ${preset.size}: ${preset.encoder} expects ${problem}`);
  }
  const preprocessing = { ...DEFAULT_PREPROCESSING, size: preset.size };
  const { cropFrom, flip, colour } = preset;
  if (cropFrom > 0 && cropFrom < preset.size) {
    throw new UsageError(
      `Cannot cut pictures of ${preset.size} pixels from ones of ${cropFrom}: give a larger --crop-from, or 0`,
    );
  }
  const changed = cropFrom > preset.size || flip || colour > 0;
  if (changed && options.features === "on") {
    throw new UsageError(
      "Cannot train on cached features: the pictures change from epoch to epoch, add --crop-from 0 --flip no --colour 0",
    );
  }
  return {
    preset,
    config: modelConfig(preset, preprocessing),
    epochs: preset.epochs,
    changes: changed ? { cropFrom, flip, colour } : {},
    data: {
      preprocessing: { ...preprocessing, size: cropFrom || preset.size },
      minCount: preset.minCount,
      captions: preset.captions === "first" ? "first" : "all",
      maxPixels: options.maxMegapixels * 1e6,
    },
    batches: {
      batchSize: preset.batch,
      seed: options.seed,
      captions: preset.captions,
      ...changed && { changes: { size: preset.size, flip, colour, seed: options.seed } },
    },
  };
}

/** A preset with what the flags say in its place. */
function overridden(options: Options<typeof TRAIN_OPTIONS>): Preset {
  const base: Preset = PRESETS[options.preset];
  const isGiven = (value: unknown) => value !== undefined && !(Array.isArray(value) && value.length === 0);
  const given = Object.entries(options).filter(([key, value]) => key in base && isGiven(value));
  const preset: Preset = {
    ...base,
    ...Object.fromEntries(
      given.map(([key, value]) => {
        const isSwitch = typeof base[key as keyof Preset] === "boolean"; // it is one of its keys
        return [key, isSwitch ? value === "yes" : value];
      }),
    ),
  };
  if (preset.encoder !== base.encoder && base.weights !== "none" && options.weights === undefined) {
    throw new UsageError(
      `Cannot start ${preset.encoder} with the preset's weights ${base.weights}: they are of ${base.encoder}, add ` +
        `--weights NAME, or --weights none to start at random`,
    );
  }
  // Another size is cut from pictures that are larger in the same proportion.
  const scaled = Math.round(base.cropFrom * preset.size / base.size);
  return options.cropFrom === undefined ? { ...preset, cropFrom: scaled } : preset;
}
