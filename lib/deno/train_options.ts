// This module runs in Deno only.
/** The training script's flags, and how they override a preset. */

import { DEFAULT_PREPROCESSING } from "../image/preprocess.ts";
import { DECODERS, ENCODERS, type ModelConfig } from "../models/config.ts";
import { sizeProblem } from "../models/encoders.ts";
import { modelConfig, type Preset, PRESET_NAMES, PRESETS } from "../train/presets.ts";
import { BEST_BY } from "../train/run_state.ts";
import { SCHEDULES } from "../train/schedule.ts";
import { TOKENIZER_NAMES } from "../text/tokenize.ts";
import { type CommandDescription, type OptionDefinitions, type Options, UsageError } from "./cli.ts";
import { DEVICE_OPTIONS } from "./device_options.ts";
import { WEIGHTS_OPTION } from "./start_weights.ts";
import { FEATURE_OPTIONS } from "./training_features.ts";

/** Flags of `train`. Those without a default take the preset's value. */
export const TRAIN_OPTIONS = {
  preset: {
    default: "default",
    choices: PRESET_NAMES,
    description: "recipe; flags below override its values",
  },
  data: { default: "data", placeholder: "DIR", description: "folder of downloaded data and packed pictures" },
  annotations: {
    placeholder: "FILE",
    description: "your own captions: COCO JSON, captions.json or captions.csv",
  },
  images: { placeholder: "DIR", description: "folder of the photographs that --annotations names" },
  dataset: { placeholder: "NAME", description: "which captions, where the folder holds several sets" },
  out: { default: "data", placeholder: "DIR", description: "folder for model, checkpoints and metrics" },
  resume: { default: false, description: "go on from the checkpoint in --out" },
  fresh: { default: false, description: "start anew although --out holds a checkpoint, which is removed" },
  steps: { type: "integer", min: 1, description: "length of the run in steps; instead of --epochs" },
  epochs: { type: "number", min: 0.001, description: "length of the run in passes over the captions" },
  encoder: { choices: ENCODERS, description: "what looks at the picture" },
  ...WEIGHTS_OPTION,
  decoder: { choices: DECODERS, description: "what writes: with attention, or with the mean feature alone" },
  size: {
    type: "integer",
    min: 8,
    max: 1024,
    description: "width and height of the model's input in pixels, a multiple of 8 (tiny) or 32 (others)",
  },
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
  learningRate: { type: "number", description: "highest step size of Adam" },
  schedule: { choices: SCHEDULES, description: "how the learning rate goes on after the warm-up" },
  warmup: { type: "integer", description: "steps in which it rises" },
  clipNorm: { type: "number", min: 1e-6, description: "largest global norm of the gradients" },
  dropout: { type: "number", max: 0.95, description: "share of the hidden state set to 0 in training" },
  alphaC: { type: "number", description: "weight of the doubly stochastic attention term" },
  embedding: { type: "integer", min: 1, max: 16_384, description: "size of a word's vector" },
  hidden: { type: "integer", min: 1, max: 16_384, description: "size of the LSTM's state" },
  attention: { type: "integer", min: 1, max: 16_384, description: "size of the attention's inner layer" },
  logEvery: { default: 20, min: 1, max: 64, description: "steps between log lines" },
  validateEvery: {
    type: "integer",
    min: 1,
    description: "steps between validations (default: an epoch, or several that make 100 steps)",
  },
  bestBy: {
    choices: BEST_BY,
    description: "what the best model is chosen by (default: cider, with fewer than 8 held-out pictures not)",
  },
  earlyStop: {
    type: "integer",
    description:
      "validations without a higher CIDEr-D after which the run ends; 0: it goes on to its last step",
  },
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
    "deno task train --resume",
  ],
};

/** What the flags and the preset say together. */
export interface TrainingPlan {
  readonly preset: Preset;
  readonly config: ModelConfig;
  readonly epochs: number;
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
  const given = Object.fromEntries(
    Object.entries(options).filter(([key, value]) => key in PRESETS.default && value !== undefined),
  );
  const preset: Preset = { ...PRESETS[options.preset], ...given };
  const problem = sizeProblem(preset.encoder, preset.size);
  if (problem) {
    throw new UsageError(`Cannot read --size ${preset.size}: ${preset.encoder} expects ${problem}`);
  }
  const preprocessing = { ...DEFAULT_PREPROCESSING, size: preset.size };
  return {
    preset,
    config: modelConfig(preset, preprocessing),
    epochs: preset.epochs,
    data: {
      preprocessing,
      minCount: preset.minCount,
      captions: preset.captions === "first" ? "first" : "all",
      maxPixels: options.maxMegapixels * 1e6,
    },
    batches: { batchSize: preset.batch, seed: options.seed, captions: preset.captions },
  };
}
