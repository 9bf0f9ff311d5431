// This module is browser compatible.
import type { ConvNorm } from "../nn/conv_norm.ts";
import { adaptiveAvgPool2d, reshape } from "../ops/mod.ts";
import { isRecording, withoutTape } from "../record.ts";
import { scope } from "../scope.ts";
import type { Tensor } from "../tensor.ts";

/** How an encoder runs. */
export interface EncoderOptions {
  /** Batch norm uses and updates the batch's statistics; otherwise the running ones. */
  readonly training: boolean;
  /**
   * How many blocks, counted from the input, are frozen: they use the running statistics in training too, nothing is
   * recorded for them, and what they allocate is freed at once. Default 0.
   */
  readonly frozen?: number;
}

/** One step of a CNN: feature map [B, h, w, C] → feature map. */
export type EncoderLayer = (x: Tensor, options: { readonly training: boolean }) => Tensor;

/** A part of an encoder that is frozen or trained as a whole. */
export interface EncoderBlock {
  /** For people and flags: "layer2". */
  readonly name: string;
  /** Beginnings of its parameters' names, without the last dot: "encoder.layer2". */
  readonly prefixes: readonly string[];
  readonly layers: readonly EncoderLayer[];
}

/** Whether a parameter is one of a block's, by its name. */
export function isInBlock(name: string, { prefixes }: EncoderBlock): boolean {
  return prefixes.some((prefix) => name.startsWith(`${prefix}.`));
}

/** A CNN that turns pictures into features for each position of a grid. */
export interface Encoder {
  /** D, feature channels. */
  readonly channels: number;
  /** P, positions: a square grid, row by row. */
  readonly positions: number;
  /** From input to output. */
  readonly blocks: readonly EncoderBlock[];
  /** Normalised images [B, size, size, 3] → features [B, P, D]. */
  encode(images: Tensor, options: EncoderOptions): Tensor;
  /**
   * Folds the batch norms into the convolutions, for inference alone, with the weights as they are now: call it again
   * when they change. Training does not see it.
   */
  fold(): void;
  /** Undoes {@linkcode fold} and frees what it made. */
  unfold(): void;
}

/** What {@linkcode buildEncoder} puts together. */
export interface EncoderParts {
  readonly blocks: readonly EncoderBlock[];
  /** All convolutions with batch norms in the blocks. */
  readonly units: readonly ConvNorm[];
  /** D. */
  readonly channels: number;
  /** Rows and columns of the last feature map. */
  readonly side: number;
  /** Rows and columns that the features are averaged to; default: `side`. */
  readonly grid?: number;
}

/** An encoder from its blocks. */
export function buildEncoder({ blocks, units, channels, side, grid = side }: EncoderParts): Encoder {
  return {
    channels,
    positions: grid ** 2,
    blocks,
    encode(images, { training, frozen = 0 }) {
      const layersOf = (part: readonly EncoderBlock[]) => part.flatMap(({ layers }) => layers);
      const start = frozen === 0
        ? images
        : withoutTape(() => runLayers(layersOf(blocks.slice(0, frozen)), images, { training: false }));
      const map = runLayers(layersOf(blocks.slice(frozen)), start, { training, own: start !== images });
      const pooled = grid === side ? map : adaptiveAvgPool2d(map, [grid, grid]);
      return reshape(pooled, [images.shape[0], grid ** 2, channels]);
    },
    fold: () => units.forEach((unit) => unit.fold()),
    unfold: () => units.forEach((unit) => unit.unfold()),
  };
}

/** Runs layers one after the other; where no tape keeps it, each map is freed as soon as the next is there. */
function runLayers(
  layers: readonly EncoderLayer[],
  images: Tensor,
  { training, own = false }: { readonly training: boolean; readonly own?: boolean },
): Tensor {
  let x = images;
  for (const layer of layers) {
    const y = scope(() => layer(x, { training }));
    if (!isRecording() && (own || x !== images)) x.dispose();
    x = y;
  }
  return x;
}
