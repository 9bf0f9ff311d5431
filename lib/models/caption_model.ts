// This module is browser compatible.
import type { Backend } from "../backend/backend.ts";
import { type Parameter, Parameters } from "../nn/parameters.ts";
import {
  add,
  attentionCoverage,
  crossEntropy,
  dropout,
  mean,
  normaliseImages,
  reshape,
  scale,
  square,
} from "../ops/mod.ts";
import type { Tensor } from "../tensor.ts";
import { PAD } from "../text/vocabulary.ts";
import { attendDecoder } from "./attend.ts";
import type { ModelConfig } from "./config.ts";
import type { Decoder } from "./decoder.ts";
import type { DeviceBatch } from "./device_batch.ts";
import type { Encoder } from "./encoder.ts";
import { makeEncoder } from "./encoders.ts";
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

/** How {@linkcode CaptionModel.loss} runs. */
export interface LossOptions {
  /** Batch statistics and dropout; otherwise running statistics and none. */
  readonly training: boolean;
  /** Weight of the doubly stochastic attention term. Default 1. */
  readonly alphaC?: number;
  /** A u32 that names the dropout mask, from the run's seed and the step. Needed where the config has dropout. */
  readonly dropoutSeed?: number;
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
  /** Mean over pictures and positions of (1 - Σ_t alpha)², shape []; none without attention. */
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
    const { embedding, hidden, attention, imageNorm } = config;
    const sizes = { words, channels: this.encoder.channels, embedding, hidden, attention, imageNorm };
    const makeDecoder = config.decoder === "attend" ? attendDecoder : showTellDecoder;
    this.decoder = makeDecoder(this.parameters, sizes);
  }

  get backend(): Backend {
    return this.parameters.backend;
  }

  /** Parameters that are trained: all but running statistics and those of frozen blocks. */
  get trained(): Parameter[] {
    const frozen = this.encoder.blocks.slice(0, this.frozen).flatMap(({ prefixes }) => prefixes);
    return this.parameters.trained.filter(({ name }) =>
      !frozen.some((prefix) => name.startsWith(`${prefix}.`))
    );
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
  features(batch: DeviceBatch, { training }: { readonly training: boolean }): Tensor {
    if (batch.pixels) return this.encode(batch.pixels, { batch: batch.rows, training });
    const { positions, channels } = this.encoder;
    return reshape(batch.features, [batch.rows, positions, channels]);
  }

  /** The loss of a batch with teacher forcing: each step reads the true word and predicts the next. */
  loss(batch: DeviceBatch, { training, alphaC = 1, dropoutSeed, whole }: LossOptions): Loss {
    const features = this.features(batch, { training });
    const { hidden, alphas } = this.decoder.read(batch.inputs, this.decoder.begin(features, { training }));
    const rate = training ? this.config.dropout : 0;
    if (rate > 0 && dropoutSeed === undefined) {
      throw new TypeError("Cannot train with dropout: dropoutSeed is missing, it names the mask");
    }
    const rows = whole && { rows: whole.pictures, first: whole.firstRow };
    const kept = rate > 0 ? dropout(hidden, { rate, seed: dropoutSeed!, whole: rows }) : hidden;
    const logits = this.decoder.predict(kept);
    const share = (x: Tensor, part: number, all = part) => part === all ? x : scale(x, part / all);
    const entropy = share(crossEntropy(logits, batch.targets, { ignored: PAD }), batch.words, whole?.words);
    if (!alphas) return { loss: entropy, crossEntropy: entropy, logits };
    const coverage = attentionCoverage(alphas, batch.targets, { ignored: PAD });
    const attentionTerm = share(mean(square(coverage)), batch.rows, whole?.pictures);
    const loss = alphaC === 0 ? entropy : add(entropy, scale(attentionTerm, alphaC));
    return { loss, crossEntropy: entropy, attentionTerm, logits, alphas };
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
