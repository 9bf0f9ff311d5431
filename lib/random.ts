// This module is browser compatible.
/**
 * Counter-based random numbers: a number depends on its counters alone (seed, step, index …), never on how many
 * were drawn before. So any device and any order of work gives the same ones, and resuming needs no saved state.
 */

import { hash32 } from "../kernels/random.ts";

export { hash32 };

/** Uniform in [0, 1) with 24 random bits: exact in f32. */
export function uniformAt(...counters: number[]): number {
  return (hash32(...counters) >>> 8) / 0x1000000;
}

/** A stream of numbers from one seed, for code that draws one after another. */
export class Random {
  readonly #seed: number;
  #count = 0;

  /** @param seed Counters that name the stream. */
  constructor(...seed: number[]) {
    this.#seed = hash32(...seed);
  }

  /** Uniform in [0, 1). */
  uniform(): number {
    return uniformAt(this.#seed, this.#count++);
  }

  /** A whole number in [0, limit). */
  integer(limit: number): number {
    return Math.floor(this.uniform() * limit);
  }

  /** Gaussian with mean 0 and deviation 1 (Box and Muller, 1958). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** One of `items`. */
  pick<T>(items: readonly T[]): T {
    return items[this.integer(items.length)];
  }

  /** `items` in random order (Fisher and Yates), as a new array. */
  shuffled<T>(items: readonly T[]): T[] {
    const result = [...items];
    for (let i = result.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      [result[i], result[j]] = [result[j], result[i]];
    }
    return result;
  }
}
