// This module is browser compatible.
/** Which captions make up each batch of an epoch: from the seed and the epoch's number alone. */

import { hash32 } from "../random.ts";
import type { TokenTable } from "./token_table.ts";

/** Which captions an epoch holds: all of a picture's, only its first, or one drawn anew in each epoch. */
export type CaptionChoice = "all" | "first" | "draw";

/** Options of {@linkcode epochOrder}. */
export interface OrderOptions {
  /** Captions in a batch. */
  readonly batchSize: number;
  readonly seed: number;
  /** From 0. */
  readonly epoch: number;
  /** Default "all". */
  readonly captions?: CaptionChoice;
  /** False: the order of the table, ungrouped, the same in every epoch (evaluation). Default true. */
  readonly shuffle?: boolean;
  /** Leave out the last batch where it is smaller than the others. Default false. */
  readonly dropLast?: boolean;
  /**
   * Batches in a window: captions are shuffled, cut into windows, and sorted by length inside each, so that a
   * batch's captions are about equally long. 1 does not group. Default 64.
   */
  readonly window?: number;
}

/** The captions of an epoch in order, and where each batch ends. */
export interface EpochOrder {
  /** Numbers of captions in the token table, batch after batch. */
  readonly captions: Uint32Array;
  /** The picture of each of them. */
  readonly images: Uint32Array;
  /** Where each batch begins; one more entry marks the end. */
  readonly starts: Uint32Array;
}

// Separate the uses of one seed and epoch.
const DRAW = 0xd4a3;
const SHUFFLE = 0x5f1e;
const BATCHES = 0xba7c;

/**
 * Chooses, shuffles and groups the captions of one epoch.
 *
 * @throws {RangeError} If batch size or window is not a whole number of at least 1, or the table is empty.
 */
export function epochOrder(table: TokenTable, options: OrderOptions): EpochOrder {
  const { batchSize, seed, epoch, captions = "all", shuffle = true, dropLast = false, window = 64 } = options;
  for (const [name, value] of Object.entries({ "batch size": batchSize, window })) {
    if (!(Number.isInteger(value) && value >= 1)) {
      throw new RangeError(
        `Cannot make batches: the ${name} is ${value}, it should be a whole number of at least 1`,
      );
    }
  }
  const chosen = choose(table, captions, shuffle ? [seed, epoch] : [seed]);
  const order = shuffle ? sortedByHash(chosen, seed, epoch, SHUFFLE) : chosen;
  const whole = Math.floor(order.length / batchSize) * batchSize;
  const kept = dropLast ? order.subarray(0, whole) : order;
  if (kept.length === 0) {
    throw new RangeError(
      `Cannot make batches: there are ${order.length} captions, at least ${
        dropLast ? batchSize : 1
      } are needed`,
    );
  }
  if (!shuffle) return pack(table, kept, batchSize, sequence(Math.ceil(kept.length / batchSize)));
  for (let at = 0; at < kept.length; at += window * batchSize) {
    // Stable, so that captions of one length stay in shuffled order.
    const part = kept.subarray(at, at + window * batchSize);
    part.set(Array.from(part).sort((a, b) => table.length(a) - table.length(b)));
  }
  const batches = sequence(Math.ceil(kept.length / batchSize));
  return pack(table, kept, batchSize, sortedByHash(batches, seed, epoch, BATCHES));
}

/** How many batches an epoch has. */
export function batchesPerEpoch(
  table: TokenTable,
  { batchSize, captions = "all", dropLast = false }: Pick<
    OrderOptions,
    "batchSize" | "captions" | "dropLast"
  >,
): number {
  const count = captions === "all" ? table.captions : captionedImages(table);
  return dropLast ? Math.floor(count / batchSize) : Math.ceil(count / batchSize);
}

function captionedImages(table: TokenTable): number {
  let count = 0;
  for (let i = 0; i < table.images; i++) count += Number(table.imageStarts[i + 1] > table.imageStarts[i]);
  return count;
}

function choose(table: TokenTable, captions: CaptionChoice, counters: readonly number[]): Uint32Array {
  if (captions === "all") return sequence(table.captions);
  const chosen = new Uint32Array(captionedImages(table));
  let at = 0;
  for (let i = 0; i < table.images; i++) {
    const first = table.imageStarts[i];
    const count = table.imageStarts[i + 1] - first;
    if (count === 0) continue;
    chosen[at++] = captions === "first" ? first : first + hash32(...counters, DRAW, i) % count;
  }
  return chosen;
}

/** The items in the order of the hashes of their values: a shuffle that depends on the counters alone. */
function sortedByHash(items: Uint32Array, ...counters: number[]): Uint32Array {
  const bits = Math.max(1, Math.ceil(Math.log2(items.length + 1)));
  const shift = Math.max(0, bits - 21); // hash and position together are exact in the 53 bits of a number
  const scale = 2 ** bits;
  const keys = new Float64Array(items.length);
  items.forEach((item, i) => keys[i] = (hash32(...counters, item) >>> shift) * scale + i);
  keys.sort();
  return Uint32Array.from(keys, (key) => items[key % scale]);
}

function pack(table: TokenTable, captions: Uint32Array, batchSize: number, batches: Uint32Array): EpochOrder {
  const imageOf = new Uint32Array(table.captions);
  for (let i = 0; i < table.images; i++) imageOf.fill(i, table.imageStarts[i], table.imageStarts[i + 1]);
  const ordered = new Uint32Array(captions.length);
  const starts = new Uint32Array(batches.length + 1);
  let at = 0;
  batches.forEach((batch, i) => {
    starts[i] = at;
    const part = captions.subarray(batch * batchSize, (batch + 1) * batchSize);
    ordered.set(part, at);
    at += part.length;
  });
  starts[batches.length] = at;
  return { captions: ordered, images: ordered.map((caption) => imageOf[caption]), starts };
}

function sequence(length: number): Uint32Array {
  return Uint32Array.from({ length }, (_, i) => i);
}
