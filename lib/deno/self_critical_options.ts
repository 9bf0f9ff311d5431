// This module runs in Deno only.
import { BASELINES } from "../train/self_critical.ts";
import { SELF_CRITICAL_PRESETS, type SelfCriticalPreset } from "../train/self_critical_presets.ts";
import { SCHEDULES } from "../train/schedule.ts";
import { type CommandDescription, type OptionDefinitions, type Options, UsageError } from "./cli.ts";
import { DEVICE_OPTIONS } from "./device_options.ts";
import { EARLY_STOP } from "./recipe_options.ts";
import { FEATURE_OPTIONS } from "./training_features.ts";

/** Flags of `self-critical`. */
export const SELF_CRITICAL_OPTIONS = {
  preset: {
    default: "default",
    choices: Object.keys(SELF_CRITICAL_PRESETS) as readonly (keyof typeof SELF_CRITICAL_PRESETS)[], // its own keys
    description: "recipe; flags below override its values",
  },
  from: {
    placeholder: "FILE",
    description: "the trained model to start from (default: the newest in --data)",
  },
  data: { default: "data", placeholder: "DIR", description: "folder of downloaded data and packed pictures" },
  annotations: {
    placeholder: "FILE",
    description: "your own captions: COCO JSON, captions.json or captions.csv",
  },
  images: { placeholder: "DIR", description: "folder of the photographs that --annotations names" },
  dataset: { placeholder: "NAME", description: "which captions, where the folder holds several sets" },
  valShare: {
    type: "number",
    max: 0.9,
    description: "share held out where the data name no split; as in training",
  },
  out: {
    placeholder: "DIR",
    description: "folder for model, checkpoints and metrics (default: self_critical in --data)",
  },
  resume: { default: false, description: "go on from the checkpoint in --out" },
  fresh: { default: false, description: "start anew although --out holds a checkpoint, which is removed" },
  steps: { default: 1000, min: 1, description: "length of the run in steps" },
  batch: { type: "integer", min: 1, max: 4096, description: "pictures in a step" },
  samples: { type: "integer", min: 1, max: 100, description: "captions drawn for each picture" },
  baseline: {
    choices: BASELINES,
    description: "what a caption must beat: the mean of the picture's other samples, or its greedy caption",
  },
  learningRate: { type: "number", description: "highest step size of Adam" },
  schedule: {
    choices: SCHEDULES,
    description: "how the learning rate goes on after the warm-up",
  },
  warmup: { type: "integer", description: "steps in which it rises: Adam knows nothing of the new loss yet" },
  clipNorm: { type: "number", description: "largest global norm of the gradients; 0: no limit" },
  clipValue: { type: "number", description: "largest number in the gradients; 0: no limit" },
  fineTune: {
    placeholder: "BLOCK|all|none",
    description: "which part of the encoder is trained: from a block on, or how many of the last blocks",
  },
  maxLength: {
    type: "integer",
    min: 2,
    max: 1000,
    description: "most words of a drawn caption, its end included",
  },
  logEvery: { default: 10, min: 1, max: 64, description: "steps between log lines" },
  validateEvery: { default: 50, min: 1, description: "steps between scores on held-out pictures" },
  earlyStop: { ...EARLY_STOP, default: 0 },
  checkpointEvery: { default: "100", description: "steps between checkpoints, or minutes: 10m" },
  seed: { default: 1, description: "names all random numbers" },
  ...FEATURE_OPTIONS,
  ...DEVICE_OPTIONS,
  json: { default: false, description: "print the result as JSON on stdout" },
} as const satisfies OptionDefinitions;

/** Head and examples of `self-critical --help`. */
export const SELF_CRITICAL_ABOUT: CommandDescription = {
  purpose: "Trains a trained captioner further, on the CIDEr-D of captions that it draws itself.",
  command: "deno task self-critical",
  examples: [
    "deno task self-critical",
    "deno task self-critical --from data/demo/model.safetensors --data data/demo --learning-rate 2e-4",
    "deno task self-critical --fine-tune none --features on",
    "deno task self-critical --resume",
  ],
};

/**
 * Fills what the flags leave open from the preset.
 *
 * @throws {UsageError} If two flags contradict each other.
 */
export function selfCriticalPlan(options: Options<typeof SELF_CRITICAL_OPTIONS>): SelfCriticalPreset {
  const { fresh, resume, from } = options;
  const base: SelfCriticalPreset = SELF_CRITICAL_PRESETS[options.preset];
  const given = Object.entries(options).filter(([key, value]) => key in base && value !== undefined);
  const plan: SelfCriticalPreset = { ...base, ...Object.fromEntries(given) };
  if (fresh && resume) {
    throw new UsageError("Cannot start: --fresh and --resume exclude each other, give one");
  }
  if (resume && from !== undefined) {
    throw new UsageError("Cannot start: --resume goes on from the checkpoint in --out, leave out --from");
  }
  if (plan.baseline === "samples" && plan.samples < 2) {
    throw new UsageError(
      "Cannot start: --baseline samples compares a caption with its picture's others, give --samples 2 or more",
    );
  }
  return plan;
}
