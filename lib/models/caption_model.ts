// This module is browser compatible.
import type { Backend } from "../backend/backend.ts";
import { type Parameter, Parameters } from "../nn/parameters.ts";
import {
  add,
  attentionCoverage,
  dropout,
  mean,
  normaliseImages,
  reshape,
  scale,
  smoothedCrossEntropy,
  square,
} from "../ops/mod.ts";
import { hash32 } from "../random.ts";
import type { Tensor } from "../tensor.ts";
import { PAD } from "../text/vocabulary.ts";
import { att2inDecoder } from "./att2in.ts";
import { attendDecoder } from "./attend.ts";
import type { ModelConfig } from "./config.ts";
import { type Decoder, dropNothing, type DropPlace, outputOf } from "./decoder.ts";
import type { DeviceBatch, DevicePictures } from "./device_batch.ts";
import { type Encoder, isInBlock } from "./encoder.ts";
import { makeEncoder } from "./encoders.ts";
import { sampledInputs, type WordSampling } from "./sampled_inputs.ts";
import { showTellDecoder } from "./show_tell.ts";

/** What a batch is a part of: rows of a global batch that several devices, or several passes, share. */
export interface WholeBatch {
  /** Words to predict in the whole, padding excluded. */
  readonly words: number;
  /** Pictures with a caption in the whole: its rows. */
  readonly pictures: number;
  /** Which of the whole's rows the part begins with. */
  readonly firstRow: number;
}

const MAKE_DECODER = { attend: attendDecoder, show_tell: showTellDecoder, att2in: att2inDecoder } as const;

/** Separate the masks of a step's dropout; the output's has the seed itself. */
const PLACES = { words: 1, image: 2, hidden: 3 } as const;

/** How {@linkcode CaptionModel.loss} runs. */
export interface LossOptions {
  /** Batch statistics and dropout; otherwise running statistics and none. */
  readonly training: boolean;
  /** Weight of the doubly stochastic attention term. Default 1. */
  readonly alphaC?: number;
  /** See {@linkcode CrossEntropyOptions.smoothing}. Default 0. */
  readonly labelSmoothing?: number;
  /** A u32 that names the dropout mask, from the run's seed and the step. Needed where the config has dropout. */
  readonly dropoutSeed?: number;
  /** How often words read are the model's own, in training. Default: never. */
  readonly sampling?: WordSampling;
  /**
   * Where the batch is a part: every number is then the part's share, so that losses and gradients of the parts add up
   * to those of the whole, with the whole's dropout mask. Default: it is the whole.
   */
  readonly whole?: WholeBatch;
}

/** What {@linkcode CaptionModel.loss} returns. */
export interface Loss {
  /** What is minimised: cross entropy + alphaC · attention term, shape []; of a part its share, as below. */
  readonly loss: Tensor;
  /** Nats per word, shape []. */
  readonly crossEntropy: Tensor;
  /**
   * Mean over pictures and positions of (1 - Σ_t alpha)², shape []: 0 where every position got as much attention as one
   * word has to give. None without attention.
   */
  readonly attentionTerm?: Tensor;
  /** [T, B, V]. */
  readonly logits: Tensor;
  /** [T, B, P]; none without attention. */
  readonly alphas?: Tensor;
}

/** Options of a {@linkcode CaptionModel}. */
export interface ModelOptions {
  /** V, size of the vocabulary. */
  readonly words: number;
  /** Of the initial weights. Default 0; null leaves them open, for loading. */
  readonly seed?: number | null;
  /** How the encoder's feature maps, and what the decoder keeps of them, are stored. Default "f32". */
  readonly activations?: "f32" | "f16";
  /** How matrices and convolutions are stored; f16 is for inference. Default "f32". */
  readonly weights?: "f32" | "f16";
}

/** An encoder and a decoder with their parameters, named as in PyTorch. */
export class CaptionModel {
  readonly config: ModelConfig;
  readonly words: number;
  readonly activations: "f32" | "f16";
  readonly parameters: Parameters;
  readonly encoder: Encoder;
  readonly decoder: Decoder;
  /** How many of the encoder's blocks, from the input on, are not trained. Default 0. */
  frozen = 0;

  /**
   * Makes the model with initial weights. Make it outside any scope.
   *
   * @param words V, size of the vocabulary.
   * @param options `seed` of the initial weights, default 0; null leaves them open, for loading.
   * @throws {RangeError} If the device has no storage for the activations asked for.
   */
  constructor(backend: Backend, config: ModelConfig, options: ModelOptions) {
    const { words, seed = 0, activations = "f32", weights = "f32" } = options;
    requireStorage(backend, activations === "f16" || weights === "f16");
    this.config = config;
    this.words = words;
    this.activations = activations;
    this.parameters = new Parameters(backend, seed ?? undefined, { type: weights });
    this.encoder = makeEncoder(this.parameters, config);
    const sizes = { ...config, words, channels: this.encoder.channels };
    this.decoder = MAKE_DECODER[config.decoder](this.parameters, sizes);
  }

  get backend(): Backend {
    return this.parameters.backend;
  }

  /** Parameters that are trained: all but running statistics and those of frozen blocks. */
  get trained(): Parameter[] {
    const frozen = this.encoder.blocks.slice(0, this.frozen);
    return this.parameters.trained.filter(({ name }) => !frozen.some((block) => isInBlock(name, block)));
  }

  /**
   * Features of pictures.
   *
   * @param pixels Packed bytes [B, size, size, 3] in u32.
   * @returns [B, P, D].
   */
  encode(
    pixels: Tensor,
    { batch, training }: { readonly batch: number; readonly training: boolean },
  ): Tensor {
    const { size, mean, std } = this.config.preprocessing;
    const images = normaliseImages(pixels, {
      shape: [batch, size, size, 3],
      mean,
      std,
      type: this.activations,
    });
    return this.encoder.encode(images, { training, frozen: this.frozen });
  }

  /**
   * Features of a batch's pictures: those that it carries, or what the encoder makes of its pixels.
   *
   * @returns [B, P, D].
   * @throws {RangeError} If it carries features of another encoder.
   */
  features(
    batch: DevicePictures & { readonly rows: number },
    { training }: { readonly training: boolean },
  ): Tensor {
    if (batch.pixels) return this.encode(batch.pixels, { batch: batch.rows, training });
    const { positions, channels } = this.encoder;
    return reshape(batch.features, [batch.rows, positions, channels]);
  }

  /**
   * The loss of a batch, by teacher forcing: each step reads the true word (or, with `sampling`, now and then a drawn one)
   * and predicts the next.
   */
  loss(batch: DeviceBatch, options: LossOptions): Loss {
    const { training, alphaC = 1, labelSmoothing, sampling, whole } = options;
    const drop = this.#dropout(options);
    const features = this.features(batch, { training });
    const start = this.decoder.begin(features, { training, drop });
    const inputs = training && sampling && sampling.probability > 0
      ? sampledInputs(this.decoder, start, batch.inputs, { ...sampling, firstRow: whole?.firstRow })
      : batch.inputs;
    const decoded = this.decoder.read(inputs, start, { training, drop });
    const { alphas } = decoded;
    const logits = this.decoder.predict(drop(outputOf(decoded), "output"));
    const share = (x: Tensor, part: number, all = part) => part === all ? x : scale(x, part / all);
    const smoothing = training ? labelSmoothing : 0;
    const means = smoothedCrossEntropy(logits, batch.targets, { ignored: PAD, smoothing });
    const minimised = share(means.loss, batch.words, whole?.words);
    const entropy = smoothing ? share(means.crossEntropy, batch.words, whole?.words) : minimised;
    if (!alphas) return { loss: minimised, crossEntropy: entropy, logits };
    const coverage = attentionCoverage(alphas, batch.targets, { ignored: PAD });
    const attentionTerm = share(mean(square(coverage)), batch.rows, whole?.pictures);
    const loss = alphaC === 0 ? minimised : add(minimised, scale(attentionTerm, alphaC));
    return { loss, crossEntropy: entropy, attentionTerm, logits, alphas };
  }

  /** What drops elements out in a training step, each place with a mask of its own. */
  #dropout(
    { training, dropoutSeed, whole }: LossOptions,
  ): (x: Tensor, place: DropPlace | "output") => Tensor {
    const { dropout: rate, embeddingDropout = 0 } = this.config;
    if (!training || (rate === 0 && embeddingDropout === 0)) return dropNothing;
    if (dropoutSeed === undefined) {
      throw new TypeError("Cannot train with dropout: dropoutSeed is missing, it names the mask");
    }
    const rows = whole && { rows: whole.pictures, first: whole.firstRow };
    return (x, place) => {
      const own = place === "words" || place === "image" ? embeddingDropout : rate;
      const seed = place === "output" ? dropoutSeed : hash32(dropoutSeed, PLACES[place]);
      return dropout(x, { rate: own, seed, whole: rows });
    };
  }

  dispose(): void {
    this.encoder.unfold();
    this.parameters.dispose();
  }
}

function requireStorage(backend: Backend, halves: boolean): void {
  if (!halves || backend.halves) return;
  throw new RangeError(
    `Cannot use f16 on ${backend.description}: it has no storage of half floats, use --precision f32 or a GPU with ` +
      `"shader-f16"`,
  );
}
