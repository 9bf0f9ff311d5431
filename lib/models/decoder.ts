// This module is browser compatible.
import type { LstmState } from "../ops/lstm_steps.ts";
import type { Tensor } from "../tensor.ts";

/** What a decoder keeps of the image while it writes. */
export interface DecoderMemory {
  readonly features: Tensor;
  /** What the attention averages, where that is not the features themselves [B, P, ·]. */
  readonly values?: Tensor;
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
  /** What {@linkcode Decoder.predict} reads, where that is more than the hidden state [T, N, O]. */
  readonly output?: Tensor;
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
  /** Whether "show_tell" applies ReLU to the projected image, as neuraltalk2 does. Default false. */
  readonly imageRelu?: boolean;
  /** What the attention of "attend" applies to the sum of its halves: the paper has tanh. Default "relu". */
  readonly squash?: "relu" | "tanh";
  /** Whether "attend" predicts from hidden state, context and word together, as the paper does. Default false. */
  readonly deepOutput?: boolean;
  /** Whether embedding and last layer share a matrix. Default false. */
  readonly tied?: boolean;
}

/** What is dropped out in a decoder beside its output: words' vectors, the image's, the hidden state. */
export type DropPlace = "words" | "image" | "hidden";

/** How a decoder runs. */
export interface DecoderOptions {
  /** Batch norm uses and updates the batch's statistics. Default false. */
  readonly training?: boolean;
  /** Sets elements of x [.., N, C] to 0 at random, in training. Default: {@linkcode dropNothing}. */
  readonly drop?: (x: Tensor, place: DropPlace) => Tensor;
}

/** x itself. */
export function dropNothing(x: Tensor): Tensor {
  return x;
}

/** A language model that looks at features. Training runs whole captions, a search one step at a time. */
export interface Decoder {
  /** V. */
  readonly words: number;
  /** features [B, P, D] → memory and first state. */
  begin(features: Tensor, options?: DecoderOptions): DecoderStart;
  /**
   * Reads words and predicts the next after each.
   *
   * @param ids Words read [T, N], u32; N is a multiple of the images in memory (beams of one image in a row).
   */
  read(ids: Tensor, start: DecoderStart, options?: DecoderOptions): Decoded;
  /** The output (the hidden state, where there is none) [.., O] → logits [.., V]. */
  predict(output: Tensor): Tensor;
}

/** What {@linkcode Decoder.predict} reads of what was decoded. */
export function outputOf({ hidden, output }: Decoded): Tensor {
  return output ?? hidden;
}
