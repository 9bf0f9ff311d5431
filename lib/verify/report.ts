// This module is browser compatible.

/** One comparison of ours with a golden. */
export interface VerifiedCase {
  /** "ops", "train" or "decode". */
  readonly group: string;
  readonly name: string;
  /** "cpu" or "webgpu". */
  readonly device: string;
  /** Largest error; for cases of several tensors the one that comes closest to its tolerance. */
  readonly maxError: number;
  /** What that error may be on this device. */
  readonly tolerance: number;
  readonly ok: boolean;
}

/**
 * How many times a golden's tolerance an adapter may be off: GPUs fuse, reorder and approximate exp.
 */
const WEBGPU_FACTOR = 10;

/** Gathers errors of one case and keeps the one nearest to (or farthest beyond) its tolerance. */
export class WorstError {
  #error = 0;
  #tolerance = 1;
  #compared = 0;

  /** @param tolerance As the golden gives it, before the device's factor. */
  add(error: number, tolerance: number): void {
    this.#compared++;
    const ratio = (x: number, limit: number) => Number.isNaN(x) ? Infinity : x / limit;
    if (this.#compared === 1 || ratio(error, tolerance) > ratio(this.#error, this.#tolerance)) {
      this.#error = error;
      this.#tolerance = tolerance;
    }
  }

  /** The case's line. Nothing compared is a failure. */
  result(group: string, name: string, device: string): VerifiedCase {
    const tolerance = this.#tolerance * (device === "webgpu" ? WEBGPU_FACTOR : 1);
    const ok = this.#compared > 0 && this.#error <= tolerance;
    return { group, name, device, maxError: this.#error, tolerance, ok };
  }
}

/** Largest |got − want|; Infinity where the lengths differ. */
export function largestDifference(got: ArrayLike<number>, want: ArrayLike<number>): number {
  if (got.length !== want.length) return Infinity;
  let worst = 0;
  for (let i = 0; i < want.length; i++) {
    const difference = Math.abs(got[i] - want[i]);
    if (!(difference <= worst)) worst = difference; // a NaN stays
  }
  return worst;
}

/** Square root of the sum of squares. */
export function l2(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] * values[i];
  return Math.sqrt(sum);
}
