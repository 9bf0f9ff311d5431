// This module is browser compatible.
import type { Preprocessing } from "../image/preprocess.ts";

/** Names of the encoders. */
export const ENCODERS = [
  "tiny",
  "resnet18",
  "resnet34",
  "resnet50",
  "resnet101",
  "resnet152",
  "mobilenet_v2",
  "squeezenet1_0",
] as const;
/** Name of an encoder. */
export type EncoderName = (typeof ENCODERS)[number];
/** Names of the decoders. */
export const DECODERS = ["attend", "show_tell", "att2in"] as const;

/** What a model is made of: with the vocabulary, all that is needed to build it. Part of every model file. */
export interface ModelConfig {
  readonly encoder: EncoderName;
  /** Output channels of the four blocks of "tiny"; the other encoders have none to choose. */
  readonly channels?: readonly number[];
  /** Rows and columns that the encoder's map is averaged to. Default: the map as it is. */
  readonly grid?: number;
  /**
   * Of "mobilenet_v2": "keras" is keras-applications' network with its batch norms folded into biases, as its published
   * weights come. Default: torchvision's.
   */
  readonly variant?: "keras";
  readonly decoder: (typeof DECODERS)[number];
  /** E, size of a word's vector. */
  readonly embedding: number;
  /** H, size of the LSTM's state. */
  readonly hidden: number;
  /** A, size of the attention's inner layer. */
  readonly attention: number;
  /** Of "show_tell": whether the projected image goes through a batch norm before the LSTM. Default false. */
  readonly imageNorm?: boolean;
  /** Of "show_tell": whether ReLU is applied to the projected image. Default false. */
  readonly imageRelu?: boolean;
  /** Of "attend": what the attention applies to the sum of its halves. Default "relu". */
  readonly squash?: "relu" | "tanh";
  /** Of "attend": whether words are predicted from hidden state, context and word read together. Default false. */
  readonly deepOutput?: boolean;
  /** Whether embedding and last layer share a matrix. Default false. */
  readonly tied?: boolean;
  /** Share of the words' and the image's vectors set to zero before they are read, in training. Default 0. */
  readonly embeddingDropout?: number;
  /** Share of the hidden state set to zero before the words are predicted, in training. */
  readonly dropout: number;
  readonly preprocessing: Preprocessing;
}
