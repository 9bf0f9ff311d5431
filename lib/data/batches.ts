// This module is browser compatible.
/** Batches of pictures and captions in an order that seed and epoch alone decide, from any step on. */

import { changePicture, type PictureChanges } from "./augmented.ts";
import { batchesPerEpoch, type CaptionChoice, type EpochOrder, epochOrder } from "./epoch_order.ts";
import { type Cut, cutRows, heldImages, type RowRange } from "./parts.ts";
import type { TokenTable } from "./token_table.ts";

export type { CaptionChoice } from "./epoch_order.ts";

/** What batches are made of: a split of a dataset. */
export interface BatchSource {
  /** Ids of the pictures. */
  readonly imageIds: readonly number[];
  /** Captions of the pictures, in the same order. */
  readonly tokens: TokenTable;
  /** Width and height of a picture in pixels. */
  readonly size: number;
  /** Pixels [B, size, size, 3] of pictures by their numbers; into `out` where given. */
  pixels(images: ArrayLike<number>, out?: Uint8Array): Uint8Array;
}

/** Options of {@linkcode BatchLoader}. */
export interface BatchOptions {
  /** Captions in a batch. */
  readonly batchSize: number;
  /** Default 0. */
  readonly seed?: number;
  /** Which captions an epoch holds. Default "all". */
  readonly captions?: CaptionChoice;
  /** False: the order of the dataset, the same in every epoch (evaluation). Default true. */
  readonly shuffle?: boolean;
  /** Leave out an epoch's last batch where it is smaller than the others. Default false. */
  readonly dropLast?: boolean;
  /** Batches sorted by length together, see {@linkcode epochOrder}; 1 does not group. Default 64. */
  readonly window?: number;
  /** Which rows of each batch this process takes: it reads the pictures of no others. Default: all. */
  readonly share?: Cut;
  /** Changes pictures at random, each caption's anew in each epoch. Default: they stay as they are. */
  readonly changes?: PictureChanges;
}

/** One step's captions, and which pictures they are of. B rows, L ids in the longest caption. */
export interface WordBatch {
  /** Where this batch stands: the cursor that gives it again. */
  readonly epoch: number;
  readonly step: number;
  /** Ids of the pictures [B]. */
  readonly imageIds: readonly number[];
  /** Numbers of the pictures in their split [B]. */
  readonly images: Uint32Array;
  /** The rows whose pictures are here, where this process shares the batch with others. Default: all. */
  readonly held?: readonly RowRange[];
  /** Token ids [B, L]: start, words, end, then padding (0). */
  readonly captions: Uint32Array;
  /** Ids of each caption, start and end included [B]. */
  readonly lengths: Uint32Array;
  /** L. */
  readonly columns: number;
}

/** One step's captions and pictures. */
export interface Batch extends WordBatch {
  /** Bytes [B, size, size, 3], or those of the rows held. The buffer beneath is a multiple of 4 bytes long, to be uploaded as u32. */
  readonly pixels: Uint8Array;
}

/** Batches without end from a cursor on; reading them may take waiting. */
export interface BatchSequence<B extends WordBatch> {
  /** Batches in an epoch. */
  readonly stepsPerEpoch: number;
  from(start: Cursor): Iterator<B, never> | AsyncIterator<B, never>;
}

/** Where to go on: the next batch is number `step` (from 0) of epoch `epoch` (from 0). */
export interface Cursor {
  readonly epoch: number;
  readonly step: number;
}

/** Makes any batch of any epoch; nothing is remembered between calls but the last epoch's order. */
export class BatchLoader implements BatchSequence<Batch> {
  /** Batches in an epoch. */
  readonly stepsPerEpoch: number;
  readonly #source: BatchSource;
  readonly #options: BatchOptions;
  #order: { readonly epoch: number; readonly order: EpochOrder } | undefined;

  /** @throws {RangeError} If the batch size is not a whole number of at least 1, or there is nothing to batch. */
  constructor(source: BatchSource, options: BatchOptions) {
    this.#source = source;
    this.#options = options;
    this.#orderOf(0); // finds what is wrong now
    this.stepsPerEpoch = batchesPerEpoch(source.tokens, options);
  }

  /**
   * The batch at a cursor.
   *
   * @throws {RangeError} If the epoch has no such step.
   */
  batch(cursor: Cursor): Batch {
    const words = this.words(cursor);
    const { changes } = this.#options;
    return { ...words, pixels: changes ? this.#changed(words, changes) : this.#pixels(heldImages(words)) };
  }

  /** The same without pixels: who makes of them what it needs itself asks for this. */
  words({ epoch, step }: Cursor): WordBatch {
    const { tokens, imageIds } = this.#source;
    const order = this.#orderOf(epoch);
    if (!(Number.isInteger(step) && step >= 0 && step < this.stepsPerEpoch)) {
      throw new RangeError(
        `Cannot make batch ${step} of epoch ${epoch}: an epoch has the steps 0 to ${this.stepsPerEpoch - 1}`,
      );
    }
    const captions = order.captions.subarray(order.starts[step], order.starts[step + 1]);
    const images = order.images.slice(order.starts[step], order.starts[step + 1]);
    const { share } = this.#options;
    return {
      epoch,
      step,
      images,
      ...(share && { held: cutRows(images.length, share) }),
      imageIds: Array.from(images, (i) => imageIds[i]),
      ...padCaptions(tokens, captions),
    };
  }

  /** The batches of one epoch, from `step` on. */
  *epoch(epoch: number, step = 0): Generator<Batch, void> {
    for (; step < this.stepsPerEpoch; step++) yield this.batch({ epoch, step });
  }

  /** Batches without end, epoch after epoch, from a cursor on. */
  *from(start: Cursor = { epoch: 0, step: 0 }): Generator<Batch, never> {
    for (let cursor = start;; cursor = { epoch: cursor.epoch + 1, step: 0 }) {
      yield* this.epoch(cursor.epoch, cursor.step);
    }
  }

  #orderOf(epoch: number): EpochOrder {
    if (this.#order?.epoch !== epoch) {
      const { seed = 0 } = this.#options;
      this.#order = { epoch, order: epochOrder(this.#source.tokens, { ...this.#options, seed, epoch }) };
    }
    return this.#order.order;
  }

  #pixels(images: Uint32Array): Uint8Array {
    return this.#source.pixels(images, roomFor(images.length, this.#source.size));
  }

  /** Pictures of a batch's rows, each changed by its caption's number: the same in whatever batch or process it is. */
  #changed({ epoch, step, images, held }: WordBatch, changes: PictureChanges): Uint8Array {
    const { captions, starts } = this.#orderOf(epoch);
    const numbers = heldImages({ images: captions.subarray(starts[step], starts[step + 1]), held });
    const width = this.#source.size;
    const bytes = width * width * 3;
    const packed = this.#pixels(heldImages({ images, held }));
    const out = roomFor(numbers.length, changes.size);
    numbers.forEach((caption, i) => {
      const pixels = { width, height: width, data: packed.subarray(i * bytes, (i + 1) * bytes) };
      out.set(changePicture(pixels, changes, { epoch, caption }).data, i * changes.size ** 2 * 3);
    });
    return out;
  }
}

/** Bytes of pictures, in a buffer whose length is a multiple of 4. */
function roomFor(pictures: number, size: number): Uint8Array {
  const bytes = pictures * size * size * 3;
  return new Uint8Array(new ArrayBuffer(Math.ceil(bytes / 4) * 4), 0, bytes);
}

/** Captions as rows of equal length, padded with 0. */
function padCaptions(
  tokens: TokenTable,
  captions: ArrayLike<number>,
): { readonly captions: Uint32Array; readonly lengths: Uint32Array; readonly columns: number } {
  const lengths = Uint32Array.from(captions, (caption) => tokens.length(caption));
  const columns = lengths.reduce((longest, length) => Math.max(longest, length), 0);
  const padded = new Uint32Array(lengths.length * columns);
  for (let row = 0; row < lengths.length; row++) padded.set(tokens.caption(captions[row]), row * columns);
  return { captions: padded, lengths, columns };
}
