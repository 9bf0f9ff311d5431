// This module is browser compatible.
/** What a recipe is made of, and the model and the training that follow from it. */

import type { CaptionChoice } from "../data/epoch_order.ts";
import type { ModelConfig } from "../models/config.ts";
import { isFrozen } from "./groups.ts";
import type { OPTIMISERS, Precision, Recipe } from "./recipe.ts";
import type { SCHEDULES } from "./schedule.ts";

/** Everything that decides how a model is trained, beside its data. Each has a flag of the same name. */
export interface Preset {
  readonly encoder: ModelConfig["encoder"];
  /** Output channels of the four blocks of "tiny"; others have none to choose. */
  readonly channels: readonly number[];
  /** Rows and columns that the encoder's map is averaged to; 0: the map as it is. */
  readonly grid: number;
  /** What the encoder starts from: a name that `download --weights` knows, a file, or "none". */
  readonly weights: string;
  /** Which part of the encoder is trained, see {@linkcode EncoderTraining.fineTune}. */
  readonly fineTune: string;
  /** Epochs in which all of the encoder is frozen. */
  readonly fineTuneAfterEpochs: number;
  /** The encoder's highest learning rate; 0: the decoder's. */
  readonly encoderLearningRate: number;
  readonly decoder: ModelConfig["decoder"];
  /** See {@linkcode ModelConfig} for the decoders' variants. */
  readonly squash: "relu" | "tanh";
  readonly deepOutput: boolean;
  readonly imageNorm: boolean;
  readonly imageRelu: boolean;
  readonly tied: boolean;
  /** Width and height of the model's input, in pixels. */
  readonly size: number;
  readonly embedding: number;
  readonly hidden: number;
  readonly attention: number;
  readonly dropout: number;
  readonly embeddingDropout: number;
  /** Pictures with a caption in one step. */
  readonly batch: number;
  readonly optimiser: (typeof OPTIMISERS)[number];
  readonly beta1: number;
  readonly momentum: number;
  readonly weightDecay: number;
  readonly learningRate: number;
  readonly schedule: (typeof SCHEDULES)[number];
  /** Steps in which the learning rate rises. */
  readonly warmup: number;
  /** What the schedules "step" and "plateau" multiply the learning rate with. */
  readonly decay: number;
  /** Epochs between two reductions of "step". */
  readonly decayEpochs: number;
  /** Validations without improvement after which "plateau" reduces. */
  readonly patience: number;
  /** 0: no limit. */
  readonly clipNorm: number;
  /** 0: no limit. */
  readonly clipValue: number;
  /** Weight of the doubly stochastic attention term. */
  readonly alphaC: number;
  readonly labelSmoothing: number;
  /** Highest probability of scheduled sampling; 0: none. */
  readonly sampling: number;
  /** What is added to it, from 0 on, every so many epochs. */
  readonly samplingIncrease: number;
  readonly samplingEpochs: number;
  /** Decay of the weights' moving averages; 0: none. */
  readonly average: number;
  /** Training pictures are packed at this size, and a random part of the model's size is cut out; 0: they are not cut. */
  readonly cropFrom: number;
  /** Mirror every second training picture. Not for captions that say "left". */
  readonly flip: boolean;
  /** Largest change of brightness, contrast and saturation of training pictures, as a share. */
  readonly colour: number;
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

/** The model that a recipe describes. What its decoder does not have is left out. */
export function modelConfig(preset: Preset, preprocessing: ModelConfig["preprocessing"]): ModelConfig {
  const { encoder, channels, grid, decoder, embedding, hidden, attention, dropout } = preset;
  const { squash, deepOutput, imageNorm, imageRelu, tied, embeddingDropout } = preset;
  return {
    encoder,
    ...encoder === "tiny" && { channels },
    ...grid > 0 && { grid },
    decoder,
    embedding,
    hidden,
    attention,
    ...decoder === "attend" && squash !== "relu" && { squash },
    ...decoder === "attend" && deepOutput && { deepOutput },
    ...decoder === "show_tell" && imageNorm && { imageNorm },
    ...decoder === "show_tell" && imageRelu && { imageRelu },
    ...tied && { tied },
    ...embeddingDropout > 0 && { embeddingDropout },
    dropout,
    preprocessing,
  };
}

/** Length of a run, and what names its random numbers. */
export interface RunLength {
  readonly steps: number;
  /** Steps of an epoch, where the recipe counts in epochs. */
  readonly stepsPerEpoch: number;
  readonly seed: number;
  /** What activations are stored in. Default "f32". */
  readonly precision?: Precision;
}

/** How a recipe trains it: epochs become steps, and what is off is left out. */
export function trainingRecipe(preset: Preset, { steps, stepsPerEpoch, seed, precision }: RunLength): Recipe {
  const { learningRate, schedule, warmup, clipNorm, alphaC, optimiser, beta1, momentum, weightDecay } =
    preset;
  const { decay, decayEpochs, patience, clipValue, labelSmoothing, average } = preset;
  const { fineTune, fineTuneAfterEpochs, encoderLearningRate } = preset;
  const inSteps = (epochs: number) => Math.max(1, Math.round(epochs * stepsPerEpoch));
  return {
    learningRate,
    schedule,
    warmup,
    ...schedule === "step" && { decay, decaySteps: inSteps(decayEpochs) },
    ...schedule === "plateau" && { decay, patience },
    optimiser,
    ...optimiser === "sgd" ? { momentum } : { beta1 },
    ...weightDecay > 0 && { weightDecay },
    clipNorm,
    ...clipValue > 0 && { clipValue },
    alphaC,
    ...labelSmoothing > 0 && { labelSmoothing },
    ...preset.sampling > 0 && {
      scheduledSampling: {
        every: inSteps(preset.samplingEpochs),
        increase: preset.samplingIncrease,
        most: preset.sampling,
      },
    },
    fineTune,
    ...fineTuneAfterEpochs > 0 && !isFrozen(fineTune) && { fineTuneFrom: inSteps(fineTuneAfterEpochs) },
    ...encoderLearningRate > 0 && { encoderLearningRate },
    ...average > 0 && { average },
    ...precision === "f16" && { precision },
    steps,
    seed,
  };
}
