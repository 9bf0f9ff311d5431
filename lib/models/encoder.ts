// This module is browser compatible.
import type { Tensor } from "../tensor.ts";

/** How an encoder runs. */
export interface EncoderOptions {
  /** Batch norm uses and updates the batch's statistics; otherwise the running ones. */
  readonly training: boolean;
  /** How many blocks, counted from the input, are frozen: they use the running statistics in training too. Default 0. */
  readonly frozen?: number;
}

/** A part of an encoder that is frozen or trained as a whole. */
export interface EncoderBlock {
  /** For people and flags: "layer2". */
  readonly name: string;
  /** Beginnings of its parameters' names, without the last dot: "encoder.layer2". */
  readonly prefixes: readonly string[];
}

/** A CNN that turns pictures into features for each position of a grid. */
export interface Encoder {
  /** D, feature channels. */
  readonly channels: number;
  /** P, positions. */
  readonly positions: number;
  /** From input to output. */
  readonly blocks: readonly EncoderBlock[];
  /** Normalised images [B, size, size, 3] → features [B, P, D]. */
  encode(images: Tensor, options: EncoderOptions): Tensor;
}
