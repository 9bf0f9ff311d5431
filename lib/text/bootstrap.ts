// This module is browser compatible.
/**
 * How far a score would move with other images, and whether two systems differ by more than that.
 * Sources: Koehn 2004 (paired bootstrap); Noreen 1989, Riezler and Maxwell 2005 (approximate randomisation).
 */
import { hash32 } from "../random.ts";
import { BLEU_COUNTS, bleuOfCounts } from "./bleu.ts";
import { SCORE_NAMES, type ScoreName, type Scores } from "./score.ts";

/** Options of {@linkcode scoreIntervals} and {@linkcode compareScores}. */
export interface BootstrapOptions {
  /** Resamples drawn. Default 1000. */
  readonly samples?: number;
  /** Seed of the drawing. Default 1. */
  readonly seed?: number;
}

/** Bounds that hold 95 % of the resamples. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** The difference of two systems in one score. */
export interface Difference extends Interval {
  /** Second minus first. */
  readonly difference: number;
  /** How often a difference as large arises where the systems are exchanged image by image at random (two-sided). */
  readonly p: number;
}

/** 95 % interval of every score over resampled sets of as many images. */
export function scoreIntervals(scores: Scores, options: BootstrapOptions = {}): Record<ScoreName, Interval> {
  const { samples = 1000, seed = 1 } = options;
  const rows = rowsOf(scores);
  const values = mapNames(() => new Float64Array(samples));
  for (let sample = 0; sample < samples; sample++) {
    const found = scoresOfSums(sumRows(rows, resample(scores.images, hash32(seed, sample))), scores.images);
    for (const name of SCORE_NAMES) values[name][sample] = found[name];
  }
  return mapNames((name) => middle95(values[name]));
}

/**
 * Compares two systems on the same images.
 *
 * @throws {RangeError} If they are not scored on the same images, or not in the same way.
 */
export function compareScores(
  first: Scores,
  second: Scores,
  options: BootstrapOptions = {},
): Record<ScoreName, Difference> {
  const { samples = 1000, seed = 1 } = options;
  const { images } = first;
  const [a, b] = [rowsOf(first), rowsOf(second, alignImages(first, second))];
  const difference = (sumsA: Float64Array, sumsB: Float64Array) => {
    const [scoresA, scoresB] = [scoresOfSums(sumsA, images), scoresOfSums(sumsB, images)];
    return mapNames((name) => scoresB[name] - scoresA[name]);
  };
  const all = new Uint8Array(images).fill(1);
  const [totalA, totalB] = [sumRows(a, all), sumRows(b, all)];
  const observed = difference(totalA, totalB);
  const resampled = mapNames(() => new Float64Array(samples));
  const exceeded = mapNames(() => 1); // the observed one counts
  for (let sample = 0; sample < samples; sample++) {
    const weights = resample(images, hash32(seed, sample));
    const moved = difference(sumRows(a, weights), sumRows(b, weights));
    const exchanged = coins(images, hash32(seed, sample, 1));
    const [fromA, fromB] = [sumRows(a, exchanged), sumRows(b, exchanged)];
    const swapped = difference(
      totalA.map((sum, i) => sum - fromA[i] + fromB[i]),
      totalB.map((sum, i) => sum - fromB[i] + fromA[i]),
    );
    for (const name of SCORE_NAMES) {
      resampled[name][sample] = moved[name];
      if (Math.abs(swapped[name]) >= Math.abs(observed[name]) - 1e-12) exceeded[name]++;
    }
  }
  return mapNames((name) => ({
    difference: observed[name],
    ...middle95(resampled[name]),
    p: exceeded[name] / (samples + 1),
  }));
}

/** All scores of some of the images, by their numbers; CIDEr keeps the document frequencies of the whole set. */
export function scoresOf(scores: Scores, images: ArrayLike<number>): Record<ScoreName, number> {
  const weights = new Uint8Array(scores.images);
  for (let i = 0; i < images.length; i++) weights[images[i]] = 1;
  return scoresOfSums(sumRows(rowsOf(scores), weights), images.length);
}

/** What the scores of a set are made of, one row an image, so that one pass over memory scores a resampled set. */
interface Rows {
  readonly counts: Uint32Array; // [images, BLEU_COUNTS]
  readonly means: readonly Float64Array[]; // of MEANS, [images] each
}
const MEANS = ["ROUGE_L", "CIDEr", "CIDEr_plain"] as const;

/** @param order Numbers of the images in the order wanted. Default: as they are. */
function rowsOf({ bleuCounts, perImage }: Scores, order?: Uint32Array): Rows {
  if (!order) return { counts: bleuCounts, means: MEANS.map((name) => perImage[name]) };
  const counts = new Uint32Array(bleuCounts.length);
  order.forEach((from, to) => {
    counts.set(bleuCounts.subarray(from * BLEU_COUNTS, (from + 1) * BLEU_COUNTS), to * BLEU_COUNTS);
  });
  return { counts, means: MEANS.map((name) => Float64Array.from(order, (from) => perImage[name][from])) };
}

/** Sums of the rows, each as often as its weight says: BLEU's counts, then the scores of {@linkcode MEANS}. */
function sumRows({ counts, means: [rouge, cider, plain] }: Rows, weights: Uint8Array): Float64Array {
  const sums = new Float64Array(BLEU_COUNTS + MEANS.length);
  for (let image = 0, row = 0; image < weights.length; image++, row += BLEU_COUNTS) {
    const weight = weights[image];
    if (weight === 0) continue;
    for (let j = 0; j < BLEU_COUNTS; j++) sums[j] += weight * counts[row + j];
    sums[BLEU_COUNTS] += weight * rouge[image];
    sums[BLEU_COUNTS + 1] += weight * cider[image];
    sums[BLEU_COUNTS + 2] += weight * plain[image];
  }
  return sums;
}

function scoresOfSums(sums: Float64Array, images: number): Record<ScoreName, number> {
  const [Bleu_1, Bleu_2, Bleu_3, Bleu_4] = bleuOfCounts(sums);
  const [ROUGE_L, CIDEr, CIDEr_plain] = sums.subarray(BLEU_COUNTS).map((sum) => sum / images);
  return { Bleu_1, Bleu_2, Bleu_3, Bleu_4, ROUGE_L, CIDEr, CIDEr_plain };
}

/** How often each image is in a resampled set of as many. */
function resample(images: number, seed: number): Uint8Array {
  const weights = new Uint8Array(images);
  let state = seed | 1;
  for (let i = 0; i < images; i++) {
    state = next(state);
    weights[Math.floor((state >>> 0) / 2 ** 32 * images)]++;
  }
  return weights;
}

/** 0 or 1 for each image. */
function coins(images: number, seed: number): Uint8Array {
  let state = seed | 1;
  return new Uint8Array(images).map(() => (state = next(state)) >>> 31);
}

/** Xorshift of Marsaglia 2003: thousands of resamples take many numbers. Never 0 after a start that is not. */
function next(state: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  return state ^ (state << 5);
}

/** Number in `second` of each image of `first`. */
function alignImages(first: Scores, second: Scores): Uint32Array {
  for (const name of SCORE_NAMES) {
    if (first.signatures[name] !== second.signatures[name]) {
      throw new RangeError(
        `Cannot compare two systems by ${name}: one is ${first.signatures[name]}, ` +
          `the other ${second.signatures[name]}, both should be scored in the same way`,
      );
    }
  }
  const places = new Map(second.ids.map((id, place) => [id, place]));
  return Uint32Array.from(first.ids, (id) => {
    const place = places.get(id);
    if (place === undefined) {
      throw new RangeError(
        `Cannot compare two systems: image ${id} is scored in one only, both should be in both`,
      );
    }
    return place;
  });
}

function middle95(values: Float64Array): Interval {
  const sorted = values.toSorted();
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return { low: at(0.025), high: at(0.975) };
}
function mapNames<T>(value: (name: ScoreName) => T): Record<ScoreName, T> {
  return Object.fromEntries(SCORE_NAMES.map((name) => [name, value(name)])) as Record<ScoreName, T>; // one entry a name
}
