// This module is browser compatible.
/**
 * Recipes by name. A flag of the training script overrides any value; the model file records what was used.
 *
 * Those of publications have their numbers from the authors' code, named at each. Where an encoder of theirs is not
 * among ours, the comment says what stands in for it. A frozen encoder's batch norm uses its running statistics in all.
 */

import { TINY_CHANNELS } from "../models/tiny.ts";
import type { Preset } from "./preset.ts";

export { modelConfig, type Preset, trainingRecipe } from "./preset.ts";

const DEFAULT: Preset = {
  encoder: "tiny",
  channels: TINY_CHANNELS,
  grid: 0,
  weights: "none",
  fineTune: "all",
  fineTuneAfterEpochs: 0,
  encoderLearningRate: 0,
  decoder: "attend",
  squash: "relu",
  deepOutput: false,
  imageNorm: false,
  imageRelu: false,
  tied: false,
  size: 64,
  embedding: 128,
  hidden: 256,
  attention: 128,
  dropout: 0.5,
  embeddingDropout: 0,
  batch: 32,
  optimiser: "adam",
  beta1: 0.9,
  momentum: 0,
  weightDecay: 0,
  learningRate: 4e-4,
  schedule: "constant",
  warmup: 0,
  decay: 0.8,
  decayEpochs: 3,
  patience: 8,
  clipNorm: 5,
  clipValue: 0,
  alphaC: 1,
  labelSmoothing: 0,
  sampling: 0,
  samplingIncrease: 0.05,
  samplingEpochs: 5,
  average: 0,
  cropFrom: 0,
  flip: false,
  colour: 0,
  biasFromFrequency: true,
  minCount: 6,
  captions: "all",
  epochs: 20,
  earlyStop: 0,
};

/** torchvision's first ImageNet weights, which the recipes of that time used. */
const RESNET101 = "resnet101-63fe2227";

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

  /**
   * "Show and Tell" (Vinyals et al., 2015), after im2txt's configuration.py.
   *
   * There: Inception v3 at 299 pixels; here ResNet-101 at 224. There: 1 M steps of 32 with the encoder frozen, then 2 M
   * with all of it trained at 0.0005; an epoch is 586,363 captions / 32 = 18,324 steps, so about 55 epochs and 109.
   */
  "show-and-tell": {
    ...DEFAULT,
    encoder: "resnet101",
    weights: RESNET101,
    fineTune: "all",
    fineTuneAfterEpochs: 55, // number_of_steps: 1,000,000 in the first phase
    encoderLearningRate: 0.032, // by epoch 55 it has fallen to train_inception_learning_rate, 0.0005
    decoder: "show_tell",
    size: 224,
    embedding: 512, // embedding_size
    hidden: 512, // num_lstm_units
    dropout: 0.3, // lstm_dropout_keep_prob 0.7, at the LSTM's output and
    embeddingDropout: 0.3, // at its input
    batch: 32,
    optimiser: "sgd",
    learningRate: 2, // initial_learning_rate
    schedule: "step",
    decay: 0.5, // learning_rate_decay_factor
    decayEpochs: 8, // num_epochs_per_decay
    clipNorm: 5, // clip_gradients
    cropFrom: 256, // there: resized to 346, cut to 299
    flip: true,
    colour: 0.125, // brightness by 32 of 255; there also hue
    biasFromFrequency: false,
    minCount: 4, // min_word_count
    epochs: 164,
  },

  /**
   * "Show, Attend and Tell" with soft attention (Xu et al., 2015), after arctic-captions' evaluate_coco.py.
   *
   * There: VGG-19's 14 × 14 map of 512 channels, frozen; here ResNet-101's, averaged to 14 × 14. There: a scalar gate
   * for the context and two layers in attention and start; here a gate for each channel and one layer.
   */
  "show-attend-tell": {
    ...DEFAULT,
    encoder: "resnet101",
    grid: 14,
    weights: RESNET101,
    fineTune: "none",
    decoder: "attend",
    squash: "tanh",
    deepOutput: true, // prev2out, ctx2out
    size: 256,
    embedding: 512, // dim_word
    hidden: 1800, // dim
    attention: 512,
    dropout: 0.5, // use_dropout
    batch: 64,
    learningRate: 1e-3, // Adam's default: lrate 0.01 is of SGD alone
    clipNorm: 0,
    alphaC: 1,
    biasFromFrequency: false,
    minCount: 5, // there: the 10,000 most frequent
    epochs: 120,
    earlyStop: 10, // patience
  },

  /** sgrvinod/a-PyTorch-Tutorial-to-Image-Captioning, train.py: 20 epochs frozen, then blocks 2 to 4 are fine-tuned. */
  sgrvinod: {
    ...DEFAULT,
    encoder: "resnet101",
    grid: 14, // encoded_image_size
    weights: RESNET101,
    fineTune: "3", // the last three blocks: children 5 to 7, layers 2 to 4
    fineTuneAfterEpochs: 20,
    encoderLearningRate: 1e-4, // encoder_lr
    decoder: "attend",
    size: 256, // squashed, not cut
    embedding: 512, // emb_dim
    hidden: 512, // decoder_dim
    attention: 512, // attention_dim
    dropout: 0.5,
    batch: 32, // batch_size; its README trained with 80 while frozen
    learningRate: 4e-4, // decoder_lr
    schedule: "plateau",
    decay: 0.8, // adjust_learning_rate
    patience: 8,
    clipNorm: 0,
    clipValue: 5, // grad_clip
    alphaC: 1, // alpha_c
    biasFromFrequency: false, // fc.bias 0
    minCount: 6, // "more than 5"
    epochs: 120,
    earlyStop: 20, // epochs_since_improvement
  },

  /**
   * yunjey/pytorch-tutorial, image_captioning/train.py: a linear layer and a batch norm behind a frozen ResNet-152.
   *
   * There the step that reads the picture also learns to predict the start token; here it predicts nothing.
   */
  yunjey: {
    ...DEFAULT,
    encoder: "resnet152",
    weights: "resnet152-394f9c45",
    fineTune: "none", // only the layers behind it are trained
    decoder: "show_tell",
    imageNorm: true, // BatchNorm1d, momentum 0.01
    size: 224, // crop_size
    embedding: 256, // embed_size
    hidden: 512, // hidden_size
    dropout: 0,
    batch: 128, // batch_size
    learningRate: 1e-3, // learning_rate
    clipNorm: 0,
    alphaC: 0,
    cropFrom: 256, // resize.py, then RandomCrop
    flip: true, // RandomHorizontalFlip
    biasFromFrequency: false,
    minCount: 4, // threshold
    epochs: 5, // num_epochs
  },

  /**
   * karpathy/neuraltalk2, train.lua: 16 pictures with 5 captions each in a step, Adam with α 0.8.
   *
   * There: VGG-16; here ResNet-101. There the encoder is fine-tuned in a second run (finetune_cnn_after, off by
   * default), so here it is frozen: --fine-tune all --encoder-learning-rate 1e-5 is that run.
   */
  neuraltalk2: {
    ...DEFAULT,
    encoder: "resnet101",
    weights: RESNET101,
    fineTune: "none", // finetune_cnn_after -1
    decoder: "show_tell",
    imageRelu: true, // net_utils.build_cnn
    size: 224,
    embedding: 512, // input_encoding_size
    hidden: 512, // rnn_size
    dropout: 0.5, // drop_prob_lm
    batch: 80, // batch_size 16 · seq_per_img 5
    beta1: 0.8, // optim_alpha
    learningRate: 4e-4, // learning_rate
    clipNorm: 0,
    clipValue: 0.1, // grad_clip
    alphaC: 0,
    biasFromFrequency: false,
    minCount: 6, // word_count_threshold 5
    epochs: 50, // there: no end
    earlyStop: 10,
  },

  /**
   * ruotianluo/ImageCaptioning.pytorch, configs/a2i2.yml: Att2in (Rennie et al., 2017) with scheduled sampling.
   *
   * Its second phase is `self-critical --preset att2in`. There: ResNet-101's features, frozen, cached in advance
   * (`prepare --features`), averaged to 14 × 14.
   */
  att2in: {
    ...DEFAULT,
    encoder: "resnet101",
    grid: 14, // att_size of prepro_feats.py
    weights: RESNET101,
    fineTune: "none",
    decoder: "att2in",
    size: 224,
    embedding: 512, // input_encoding_size
    hidden: 512, // rnn_size
    attention: 512, // att_hid_size
    dropout: 0.5, // drop_prob_lm, at the output and
    embeddingDropout: 0.5, // at words and features
    batch: 50, // batch_size 10 · seq_per_img 5
    learningRate: 5e-4, // learning_rate
    schedule: "step",
    decay: 0.8, // learning_rate_decay_rate
    decayEpochs: 3, // learning_rate_decay_every
    clipNorm: 0,
    clipValue: 0.1, // grad_clip
    alphaC: 0,
    sampling: 0.25, // scheduled_sampling_max_prob
    samplingIncrease: 0.05, // scheduled_sampling_increase_prob
    samplingEpochs: 5, // scheduled_sampling_increase_every
    biasFromFrequency: false,
    minCount: 6, // word_count_threshold 5
    epochs: 30, // max_epochs
  },
} as const satisfies Record<string, Preset>;

/** Name of a recipe. */
export type PresetName = keyof typeof PRESETS;

/** Names of all recipes. */
export const PRESET_NAMES = Object.keys(PRESETS) as readonly PresetName[]; // their own keys
