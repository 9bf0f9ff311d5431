// This module is browser compatible.
/** Recipes by name. A flag of the training script overrides any value; the model file records what was used. */

import type { ModelConfig } from "../models/config.ts";
import { TINY_CHANNELS } from "../models/tiny.ts";
import type { CaptionChoice } from "../data/epoch_order.ts";
import type { SCHEDULES } from "./schedule.ts";
import type { Recipe } from "./trainer.ts";

/** Everything that decides how a model is trained, beside its data. */
export interface Preset {
  readonly encoder: ModelConfig["encoder"];
  /** Output channels of the four blocks of "tiny"; others have none to choose. */
  readonly channels: readonly number[];
  /** Rows and columns that the encoder's map is averaged to. Default: the map as it is. */
  readonly grid?: number;
  readonly decoder: ModelConfig["decoder"];
  /** Width and height of the model's input, in pixels. */
  readonly size: number;
  readonly embedding: number;
  readonly hidden: number;
  readonly attention: number;
  readonly dropout: number;
  /** Pictures with a caption in one step. */
  readonly batch: number;
  readonly learningRate: number;
  readonly schedule: (typeof SCHEDULES)[number];
  /** Steps in which the learning rate rises. */
  readonly warmup: number;
  readonly clipNorm: number;
  /** Weight of the doubly stochastic attention term. */
  readonly alphaC: number;
  /** Start the words' bias at their log frequency, so that the first loss is the marginal entropy. */
  readonly biasFromFrequency: boolean;
  /** Words seen less often become unknown. */
  readonly minCount: number;
  /** Which captions an epoch holds. */
  readonly captions: CaptionChoice;
  /** Length of the run, where --steps is not given. */
  readonly epochs: number;
  /** Validations without a higher CIDEr-D of the captions it writes after which it ends; 0: never. */
  readonly earlyStop: number;
}

const DEFAULT: Preset = {
  encoder: "tiny",
  channels: TINY_CHANNELS,
  decoder: "attend",
  size: 64,
  embedding: 128,
  hidden: 256,
  attention: 128,
  dropout: 0.5,
  batch: 32,
  learningRate: 4e-4,
  schedule: "constant",
  warmup: 0,
  clipNorm: 5,
  alphaC: 1,
  biasFromFrequency: true,
  minCount: 6,
  captions: "all",
  epochs: 20,
  earlyStop: 0,
};

/** The recipes. */
export const PRESETS = {
  /** A first training on photographs. */
  default: DEFAULT,
  /** The built-in picture world, learnt in minutes on a CPU: half the arithmetic, twice the steps. */
  shapes: {
    ...DEFAULT,
    channels: [24, 48, 96, 128],
    embedding: 128,
    hidden: 192,
    attention: 96,
    dropout: 0,
    batch: 16,
    learningRate: 1e-3,
    schedule: "cosine",
    warmup: 200,
    alphaC: 0,
    minCount: 1,
    captions: "draw",
    epochs: 2,
  },
} as const satisfies Record<string, Preset>;

/** Name of a recipe. */
export type PresetName = keyof typeof PRESETS;

/** Names of all recipes. */
export const PRESET_NAMES = Object.keys(PRESETS) as readonly PresetName[]; // their own keys

/** The model that a recipe describes. */
export function modelConfig(preset: Preset, preprocessing: ModelConfig["preprocessing"]): ModelConfig {
  const { encoder, channels, grid, decoder, embedding, hidden, attention, dropout } = preset;
  const ofEncoder = { ...encoder === "tiny" && { channels }, ...grid && { grid } };
  return { encoder, ...ofEncoder, decoder, embedding, hidden, attention, dropout, preprocessing };
}

/** How a recipe trains it. */
export function trainingRecipe(
  preset: Preset,
  { steps, seed, precision }: Pick<Recipe, "steps" | "seed" | "precision">,
): Recipe {
  const { learningRate, schedule, warmup, clipNorm, alphaC } = preset;
  return {
    learningRate,
    schedule,
    warmup,
    clipNorm,
    alphaC,
    steps,
    seed,
    ...precision === "f16" && { precision },
  };
}
