// This module is browser compatible.
import type { Tensor } from "../tensor.ts";

/** How an encoder runs. */
export interface EncoderOptions {
  /** Batch norm uses and updates the batch's statistics; otherwise the running ones. */
  readonly training: boolean;
}

/** A CNN that turns pictures into features for each position of a grid. */
export interface Encoder {
  /** D, feature channels. */
  readonly channels: number;
  /** P, positions. */
  readonly positions: number;
  /** Normalised images [B, size, size, 3] → features [B, P, D]. */
  encode(images: Tensor, options: EncoderOptions): Tensor;
}
