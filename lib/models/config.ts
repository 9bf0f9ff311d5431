// This module is browser compatible.
import type { Preprocessing } from "../image/preprocess.ts";

/** Names of the encoders. */
export const ENCODERS = ["tiny"] as const;
/** Names of the decoders. */
export const DECODERS = ["attend", "show_tell"] as const;

/** What a model is made of: with the vocabulary, all that is needed to build it. Part of every model file. */
export interface ModelConfig {
  readonly encoder: (typeof ENCODERS)[number];
  /** Output channels of the encoder's blocks. */
  readonly channels: readonly number[];
  readonly decoder: (typeof DECODERS)[number];
  /** E, size of a word's vector. */
  readonly embedding: number;
  /** H, size of the LSTM's state. */
  readonly hidden: number;
  /** A, size of the attention's inner layer. */
  readonly attention: number;
  /** Of "show_tell": whether the projected image goes through a batch norm before the LSTM. Default false. */
  readonly imageNorm?: boolean;
  /** Share of the hidden state set to zero before the words are predicted, in training. */
  readonly dropout: number;
  readonly preprocessing: Preprocessing;
}
