// This module is browser compatible.
/** Weights of the triangle filter, the one that every resize here uses. */

/** For each output along an axis: the run of inputs it averages, and their weights. */
export interface Taps {
  /** First input of each output's run. */
  readonly first: Int32Array;
  /** Length of each output's run. */
  readonly count: Int32Array;
  /** Weights [outputs, stride], zero after each run, summing to 1. */
  readonly weights: Float64Array;
  /** Longest run there can be. */
  readonly stride: number;
}

/** A length before and after, and which outputs are wanted. */
export interface Axis {
  /** Inputs. */
  readonly from: number;
  /** Outputs of the whole axis. */
  readonly to: number;
  /** First wanted output. */
  readonly start: number;
  /** Wanted outputs. */
  readonly length: number;
}

/**
 * The triangle filter along one axis: half-pixel centres, widened by from / to when shrinking (which is the
 * antialiasing), weights renormalised at the borders. The same as Pillow's BILINEAR, to the last bit of f64.
 */
export function triangleTaps({ from, to, start, length }: Axis): Taps {
  const scale = from / to;
  const support = Math.max(scale, 1); // half the triangle's base, in inputs
  const inverse = 1 / support;
  const stride = 2 * Math.ceil(support) + 1;
  const first = new Int32Array(length);
  const count = new Int32Array(length);
  const weights = new Float64Array(length * stride);
  for (let i = 0; i < length; i++) {
    const centre = (start + i + 0.5) * scale;
    const low = Math.max(0, Math.trunc(centre - support + 0.5));
    const high = Math.min(from, Math.trunc(centre + support + 0.5));
    const row = weights.subarray(i * stride, (i + 1) * stride);
    let sum = 0;
    for (let j = low; j < high; j++) {
      // this very order of operations: another rounds differently, and a pixel in a million would be off by one
      const weight = Math.max(0, 1 - Math.abs((j - centre + 0.5) * inverse));
      row[j - low] = weight;
      sum += weight;
    }
    for (let j = 0; j < high - low; j++) row[j] /= sum;
    first[i] = low;
    count[i] = high - low;
  }
  return { first, count, weights, stride };
}
