// This module runs in Deno only.
/** The flags that override a preset's values: each is named as the value is. */

import { DECODERS, ENCODERS } from "../models/config.ts";
import { OPTIMISERS } from "../train/recipe.ts";
import { SCHEDULES } from "../train/schedule.ts";
import type { OptionDefinitions } from "./cli.ts";

/** A switch that a preset may have set: left out, the preset decides. */
const YES_NO = { choices: ["yes", "no"] } as const;
const SIZE = { type: "integer", min: 1, max: 16_384 } as const;
const SHARE = { type: "number", max: 0.95 } as const;

/** When a run ends before its last step. */
export const EARLY_STOP = {
  type: "integer",
  description:
    "validations without a higher CIDEr-D after which the run ends; 0: it goes on to its last step",
} as const;

/** Flags of the model. */
export const MODEL_OPTIONS = {
  encoder: { choices: ENCODERS, description: "what looks at the picture" },
  channels: {
    type: "integer",
    list: true,
    min: 1,
    max: 4096,
    description: "output channels of the four blocks of tiny, such as 32,64,128,256",
  },
  grid: {
    type: "integer",
    max: 64,
    description: "rows and columns that its map is averaged to; 0: as it is",
  },
  fineTune: {
    placeholder: "BLOCK|all|none",
    description: "which part of the encoder is trained: from a block on, or how many of the last blocks",
  },
  fineTuneAfterEpochs: { type: "number", description: "epochs in which all of the encoder is frozen" },
  encoderLearningRate: { type: "number", description: "its highest step size; 0: the decoder's" },
  decoder: { choices: DECODERS, description: "what writes: with attention, or with the mean feature alone" },
  squash: { choices: ["relu", "tanh"], description: "of attend: the attention's function" },
  deepOutput: { ...YES_NO, description: "of attend: predict from state, context and word together" },
  imageNorm: { ...YES_NO, description: "of show_tell: batch norm of the image's vector" },
  imageRelu: { ...YES_NO, description: "of show_tell: ReLU of the image's vector" },
  tied: { ...YES_NO, description: "the embedding is the last layer's matrix, too" },
  size: {
    type: "integer",
    min: 8,
    max: 1024,
    description: "width and height of the model's input in pixels, a multiple of 8 (tiny) or 32 (others)",
  },
  embedding: { ...SIZE, description: "size of a word's vector" },
  hidden: { ...SIZE, description: "size of the LSTM's state" },
  attention: { ...SIZE, description: "size of the attention's inner layer" },
  dropout: { ...SHARE, description: "share of the hidden state set to 0 in training" },
  embeddingDropout: { ...SHARE, description: "share of words' and image's vectors set to 0 in training" },
} as const satisfies OptionDefinitions;

/** Flags of the optimiser, the loss and the pictures. */
export const OPTIMISER_OPTIONS = {
  optimiser: { choices: OPTIMISERS, description: "what takes the steps" },
  beta1: { type: "number", max: 0.9999, description: "of Adam: decay of the gradients' mean" },
  momentum: { type: "number", max: 0.9999, description: "of sgd: share of the last step that goes on" },
  weightDecay: {
    type: "number",
    description: "pulls weights to 0: adamw beside the step, others in the gradient",
  },
  learningRate: { type: "number", description: "highest step size" },
  schedule: { choices: SCHEDULES, description: "how the learning rate goes on after the warm-up" },
  warmup: { type: "integer", description: "steps in which it rises" },
  decay: { type: "number", min: 0.001, max: 1, description: "what step and plateau multiply it with" },
  decayEpochs: { type: "number", min: 0.001, description: "of step: epochs between two reductions" },
  patience: { type: "integer", min: 1, description: "of plateau: validations without improvement" },
  clipNorm: { type: "number", description: "largest global norm of the gradients; 0: no limit" },
  clipValue: { type: "number", description: "largest number in the gradients; 0: no limit" },
  alphaC: { type: "number", description: "weight of the doubly stochastic attention term" },
  labelSmoothing: { ...SHARE, description: "share of the target's probability spread over all words" },
  sampling: { type: "number", max: 1, description: "scheduled sampling's highest probability; 0: none" },
  samplingIncrease: { type: "number", max: 1, description: "what is added to it, from 0 on" },
  samplingEpochs: { type: "number", min: 0.001, description: "epochs between two increases" },
  average: {
    type: "number",
    max: 0.999_999,
    description: "decay of moving averages of the weights, which are validated and saved; 0: none",
  },
  cropFrom: {
    type: "integer",
    max: 2048,
    description: "cut training pictures at random from ones of this size; 0: do not",
  },
  flip: { ...YES_NO, description: "mirror every second training picture" },
  colour: {
    type: "number",
    max: 1,
    description: "largest random change of brightness, contrast, saturation",
  },
  biasFromFrequency: { ...YES_NO, description: "start the words' bias at their log frequency" },
} as const satisfies OptionDefinitions;
