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
  const drawn = new Uint32Array(scores.images);
  const values = mapNames(() => new Float64Array(samples));
  for (let sample = 0; sample < samples; sample++) {
    draw(drawn, drawn.length, hash32(seed, sample));
    const found = scoresOf(scores, drawn);
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
  const order = alignImages(first, second);
  const images = order.length;
  const [drawn, other] = [new Uint32Array(images), new Uint32Array(images)];
  const resampled = mapNames(() => new Float64Array(samples));
  const exceeded = mapNames(() => 1); // the observed one counts
  const observed = mapNames((name) => second[name] - first[name]);
  for (let sample = 0; sample < samples; sample++) {
    draw(drawn, images, hash32(seed, sample));
    for (let i = 0; i < images; i++) other[i] = order[drawn[i]];
    const [a, b] = [scoresOf(first, drawn), scoresOf(second, other)];
    draw(drawn, 2, hash32(seed, sample, 1));
    const exchanged = exchangedDifference(first, second, { order, exchange: drawn });
    for (const name of SCORE_NAMES) {
      resampled[name][sample] = b[name] - a[name];
      if (Math.abs(exchanged[name]) >= Math.abs(observed[name]) - 1e-12) exceeded[name]++;
    }
  }
  return mapNames((name) => ({
    difference: observed[name],
    ...middle95(resampled[name]),
    p: exceeded[name] / (samples + 1),
  }));
}

/** Fills `out` with whole numbers below `limit` (xorshift of Marsaglia 2003: a thousand resamples are many numbers). */
function draw(out: Uint32Array, limit: number, seed: number): void {
  let state = seed | 1;
  for (let i = 0; i < out.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    out[i] = (state >>> 0) / 2 ** 32 * limit;
  }
}

/** All scores of some of the images, by their numbers; CIDEr keeps the document frequencies of the whole set. */
export function scoresOf(scores: Scores, images: ArrayLike<number>): Record<ScoreName, number> {
  const counts = new Float64Array(BLEU_COUNTS);
  const { bleuCounts, perImage: { ROUGE_L, CIDEr, CIDEr_plain } } = scores;
  let [rouge, cider, plain] = [0, 0, 0];
  for (let i = 0; i < images.length; i++) {
    const image = images[i];
    for (let j = 0; j < BLEU_COUNTS; j++) counts[j] += bleuCounts[image * BLEU_COUNTS + j];
    rouge += ROUGE_L[image];
    cider += CIDEr[image];
    plain += CIDEr_plain[image];
  }
  const [Bleu_1, Bleu_2, Bleu_3, Bleu_4] = bleuOfCounts(counts);
  const share = 1 / images.length;
  return {
    Bleu_1,
    Bleu_2,
    Bleu_3,
    Bleu_4,
    ROUGE_L: rouge * share,
    CIDEr: cider * share,
    CIDEr_plain: plain * share,
  };
}

/** Second minus first where the two captions of the images with `exchange` 1 change systems. */
function exchangedDifference(
  first: Scores,
  second: Scores,
  { order, exchange }: { readonly order: Uint32Array; readonly exchange: Uint32Array },
): Record<ScoreName, number> {
  const sums = new Float64Array(2 * BLEU_COUNTS); // the first's counts, then the second's
  for (let image = 0; image < order.length; image++) {
    const mine = image * BLEU_COUNTS;
    const theirs = order[image] * BLEU_COUNTS;
    const ofFirst = exchange[image] * BLEU_COUNTS;
    const ofSecond = BLEU_COUNTS - ofFirst;
    for (let j = 0; j < BLEU_COUNTS; j++) {
      sums[ofFirst + j] += first.bleuCounts[mine + j];
      sums[ofSecond + j] += second.bleuCounts[theirs + j];
    }
  }
  const mean = (name: ScoreName) => {
    const [a, b] = [first.perImage[name], second.perImage[name]];
    let sum = 0;
    for (let image = 0; image < order.length; image++) {
      sum += (b[order[image]] - a[image]) * (1 - 2 * exchange[image]);
    }
    return sum / order.length;
  };
  const bleuA = bleuOfCounts(sums.subarray(0, BLEU_COUNTS));
  const bleuB = bleuOfCounts(sums.subarray(BLEU_COUNTS));
  const [Bleu_1, Bleu_2, Bleu_3, Bleu_4] = bleuB.map((score, i) => score - bleuA[i]);
  const [ROUGE_L, CIDEr, CIDEr_plain] = [mean("ROUGE_L"), mean("CIDEr"), mean("CIDEr_plain")];
  return { Bleu_1, Bleu_2, Bleu_3, Bleu_4, ROUGE_L, CIDEr, CIDEr_plain };
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
