// This module is browser compatible.
import type { LstmState } from "../ops/lstm_steps.ts";
import type { Tensor } from "../tensor.ts";

/** What a decoder keeps of the image while it writes. */
export interface DecoderMemory {
  readonly features: Tensor;
  /** The features' half of the attention, where there is attention. */
  readonly att1?: Tensor;
  /** What each decoder of an ensemble keeps. */
  readonly members?: readonly DecoderMemory[];
}

/** Where a decoder begins. */
export interface DecoderStart {
  readonly memory: DecoderMemory;
  readonly state: LstmState;
}

/** What a decoder made of a sequence of words. */
export interface Decoded {
  /** [T, N, H]. */
  readonly hidden: Tensor;
  /** Attention [T, N, P]; none without attention. */
  readonly alphas?: Tensor;
  /** Cell state after the last step [N, H]. */
  readonly cell: Tensor;
}

/** Sizes of a decoder. */
export interface DecoderSizes {
  /** V, words. */
  readonly words: number;
  /** D, channels of the features. */
  readonly channels: number;
  /** E. */
  readonly embedding: number;
  /** H. */
  readonly hidden: number;
  /** A, used where there is attention. */
  readonly attention: number;
  /** Whether "show_tell" normalises the projected image over the batch. Default false. */
  readonly imageNorm?: boolean;
}

/** A language model that looks at features. Training runs whole captions, a search one step at a time. */
export interface Decoder {
  /**
   * features [B, P, D] → memory and first state.
   *
   * @param options `training`: batch norms, where there are any, use and update the batch's statistics. Default false.
   */
  begin(features: Tensor, options?: { readonly training?: boolean }): DecoderStart;
  /**
   * Reads words and predicts the next after each.
   *
   * @param ids Words read [T, N], u32; N is a multiple of the images in memory (beams of one image in a row).
   */
  read(ids: Tensor, start: DecoderStart): Decoded;
  /** hidden [.., H] → logits [.., V]. */
  predict(hidden: Tensor): Tensor;
}
