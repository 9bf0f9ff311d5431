// This module is browser compatible.
import { type BatchNorm, batchNorm, type BatchNormOptions, conv2d, filled } from "../ops/mod.ts";
import { isRecording } from "../record.ts";
import { scope } from "../scope.ts";
import type { Tensor } from "../tensor.ts";
import { batchNormLayer, convWeight } from "./layers.ts";
import { constant, type Initialiser, type Parameters } from "./parameters.ts";

/** Sizes and places of a {@linkcode ConvNorm}. */
export interface ConvNormOptions {
  readonly inputs: number;
  readonly outputs: number;
  /** Rows and columns of the window. */
  readonly kernel: number;
  /** Default 1. */
  readonly stride?: number;
  /** Default: half the kernel, which keeps the size at stride 1. */
  readonly padding?: number;
  /** Default: `padding`. */
  readonly paddingEnd?: number;
  /** Default 1. */
  readonly groups?: number;
  /** What comes behind the batch norm. Default "none". */
  readonly activation?: BatchNormOptions["activation"];
  /** Initial values of the weight. Default: PyTorch's for convolutions. */
  readonly start?: Initialiser;
}

/** A convolution with its batch norm, or with a bias in its place, and the activation behind. */
export class ConvNorm {
  readonly #weight: Tensor;
  readonly #norm: BatchNorm | undefined;
  readonly #bias: Tensor | undefined;
  readonly #options: ConvNormOptions;
  /** The convolution that does the work of both, while {@linkcode fold} is in force. */
  #folded: { readonly weight: Tensor; readonly bias: Tensor } | undefined;

  /**
   * Makes the parameters.
   *
   * @param names Of the convolution and of its batch norm; with no norm the convolution has a bias.
   */
  constructor(
    parameters: Parameters,
    names: { readonly conv: string; readonly norm?: string },
    options: ConvNormOptions,
  ) {
    const { outputs } = options;
    this.#options = options;
    this.#weight = convWeight(parameters, names.conv, options);
    if (names.norm) this.#norm = batchNormLayer(parameters, names.norm, outputs);
    else this.#bias = parameters.add(`${names.conv}.bias`, { shape: [outputs], start: constant(0) });
  }

  /** x [B, h, w, inputs] → [B, oh, ow, outputs]. */
  apply(x: Tensor, { training }: Pick<BatchNormOptions, "training">): Tensor {
    const { kernel, stride, groups, padding = (kernel - 1) / 2, paddingEnd, activation } = this.#options;
    const window = { stride, groups, padding, paddingEnd };
    // A tape must see the parameters themselves.
    const folded = training || isRecording() ? undefined : this.#folded;
    const { weight, bias } = folded ?? { weight: this.#weight, bias: this.#bias };
    const norm = folded ? undefined : this.#norm;
    return norm
      ? batchNorm(conv2d(x, weight, window), norm, { training, activation })
      : conv2d(x, weight, { ...window, bias, activation });
  }

  /**
   * From now on inference runs one convolution with a bias, made from the weights as they are: `w γ / √(σ² + ε)` and
   * `β - μ γ / √(σ² + ε)`. Training is as before.
   */
  fold(): void {
    this.unfold();
    const norm = this.#norm;
    if (!norm) return;
    const { backend } = this.#weight;
    this.#folded = scope(() => {
      // A batch norm multiplies by the one and, of zeros, makes the other.
      const zeros = filled(backend, [this.#options.outputs], 0);
      const centred = { ...norm, runningMean: zeros, bias: zeros };
      return {
        weight: batchNorm(this.#weight, centred, { training: false }),
        bias: batchNorm(zeros, norm, { training: false }),
      };
    });
  }

  /** Inference runs the batch norm again. */
  unfold(): void {
    this.#folded?.weight.dispose();
    this.#folded?.bias.dispose();
    this.#folded = undefined;
  }
}
