// This module is browser compatible.
/** Batches that carry features in place of pixels, read ahead so that training does not wait for the disk. */

import { heldImages } from "./parts.ts";
import type { Batch, BatchLoader, BatchSequence, Cursor, WordBatch } from "./batches.ts";

/** Features of a split's pictures. */
export interface FeatureSource {
  /** Numbers of one picture: P · D. */
  readonly length: number;
  /** Memory for the features of some pictures, of the kind that {@linkcode read} fills. */
  alloc(pictures: number): Float32Array;
  /**
   * Reads features.
   *
   * @param images Numbers of pictures in their split.
   * @param out Filled with [images.length, P, D].
   */
  read(images: Uint32Array, out: Float32Array): Promise<void>;
}

/** One step's captions, and its pictures' features. */
export interface FeatureBatch extends WordBatch {
  /** [B, P, D]. Valid until the next batch but one is asked for: the memory is used again. */
  readonly features: Float32Array;
  readonly pixels?: undefined;
}

/**
 * The batches of a loader's first epoch, one after another: to evaluate.
 *
 * @param source Features in place of pixels. Default: pixels.
 */
export async function* firstEpoch(
  loader: BatchLoader,
  source?: FeatureSource,
): AsyncGenerator<FeatureBatch | Batch, void> {
  if (!source) return yield* loader.epoch(0);
  let room: Float32Array = new Float32Array(0);
  for (let step = 0; step < loader.stepsPerEpoch; step++) {
    const words = loader.words({ epoch: 0, step });
    const length = words.images.length * source.length;
    if (room.length < length) room = source.alloc(words.images.length);
    const features = room.subarray(0, length);
    await source.read(words.images, features);
    yield { ...words, features };
  }
}

/** Batches under way while one is trained on. */
const AHEAD = 2;

/** The batches of a loader, with features in place of pixels. */
export class FeatureLoader implements BatchSequence<FeatureBatch | Batch> {
  readonly stepsPerEpoch: number;
  readonly #loader: BatchLoader;
  readonly #source: FeatureSource;

  readonly #until: number;

  /** @param options `until`: batches from this step on, counted from 0, carry pixels. Default: none does. */
  constructor(
    loader: BatchLoader,
    source: FeatureSource,
    { until = Infinity }: { readonly until?: number } = {},
  ) {
    this.stepsPerEpoch = loader.stepsPerEpoch;
    this.#loader = loader;
    this.#source = source;
    this.#until = until;
  }

  /** Batches without end. At most {@linkcode AHEAD} + 2 batches' features are in memory. */
  async *from(start: Cursor = { epoch: 0, step: 0 }): AsyncGenerator<FeatureBatch | Batch, never> {
    const ring = Array.from({ length: AHEAD + 2 }, () => new Float32Array(0));
    const waiting: Promise<FeatureBatch>[] = [];
    let { epoch, step } = start;
    const first = epoch * this.stepsPerEpoch + step;
    for (let number = 0; first + number < this.#until; number++) {
      const batch = this.#read(this.#loader.words({ epoch, step }), { ring, place: number % ring.length });
      batch.catch(() => {}); // thrown below in its turn; without this line it could count as unhandled before
      waiting.push(batch);
      if (++step === this.stepsPerEpoch) [epoch, step] = [epoch + 1, 0];
      if (waiting.length > AHEAD) yield await waiting.shift()!;
    }
    while (waiting.length > 0) yield await waiting.shift()!;
    return yield* this.#loader.from({ epoch, step });
  }

  async #read(
    words: WordBatch,
    { ring, place }: { readonly ring: Float32Array[]; readonly place: number },
  ): Promise<FeatureBatch> {
    const images = heldImages(words);
    const length = images.length * this.#source.length;
    if (ring[place].length < length) ring[place] = this.#source.alloc(images.length);
    const features = ring[place].subarray(0, length);
    await this.#source.read(images, features);
    return { ...words, features };
  }
}
