// This module is browser compatible.
/** Watches a run's losses: is it still learning, or has it exploded? */

import type { Reading } from "./trainer.ts";

/** Steps in a row with a loss or a gradient that is not finite: an explosion. */
const MOST_BAD_STEPS = 3;
/** Steps in a row with a cross entropy far above the usual: an explosion. One odd batch is none. */
const MOST_HIGH_STEPS = 10;
/** Cross entropies that say what is usual. */
const WINDOW = 100;
/** Far above the usual: this many medians more, and this many median deviations, and this many nats a word. */
const ABOVE = { medians: 2, deviations: 8, nats: 1 } as const;

/**
 * Which losses are no longer those of a run that learns.
 *
 * Far above the usual is a cross entropy above median + max(2 · median, 8 · median absolute deviation, 1 nat a word) of
 * the last hundred that were not. It is judged rather than the loss because it means the same in every way of training.
 */
export class LossWatch {
  readonly #images = new Map<number, readonly number[]>();
  #recent: number[];
  /** Steps in a row. */
  #bad = 0;
  #high = 0;
  #limit = Infinity;
  /** What the last odd step was like. */
  #last = "";

  /** @param recent What {@linkcode LossWatch.recent} was. */
  constructor(recent: readonly number[] = []) {
    this.#recent = [...recent];
  }

  /** The cross entropies that say what is usual: with no odd step behind them they are the whole state. */
  get recent(): readonly number[] {
    return this.#recent;
  }

  /** Whether the last step was odd: what it left may not be worth keeping. */
  get suspicious(): boolean {
    return this.#bad + this.#high > 0;
  }

  /** Whether there were too many odd steps in a row. */
  get exploded(): boolean {
    return this.#bad >= MOST_BAD_STEPS || this.#bad + this.#high >= MOST_HIGH_STEPS;
  }

  /** Remembers which pictures a step sees until its loss is known. */
  expect(step: number, images: readonly number[]): void {
    this.#images.set(step, images);
  }

  /** Judges the losses of steps, in order; those behind an explosion are not looked at. */
  add(readings: readonly Reading[]): void {
    for (const { step, loss, crossEntropy, gradNorm, extra } of readings) {
      const images = this.#images.get(step);
      this.#images.delete(step);
      if (this.exploded) continue;
      const overflow = (extra?.lossScale ?? 1) > 1; // of half precision: the scale goes down, nothing is wrong
      const finite = [loss, crossEntropy, ...overflow ? [] : [gradNorm]].every(Number.isFinite);
      this.#limit = limitOf(this.#recent);
      if (finite && crossEntropy <= this.#limit) {
        this.#recent = [...this.#recent, crossEntropy].slice(-WINDOW);
        this.#bad = this.#high = 0;
        continue;
      }
      const seen = `its images ${images?.join(", ")}`;
      if (finite) {
        this.#high++;
        this.#last = `at step ${step} it was ${crossEntropy.toFixed(2)} nats/word, ${seen}`;
      } else {
        this.#bad++;
        this.#last = `at step ${step} the loss was ${loss}, ${seen}`;
      }
    }
  }

  /** What is wrong, in words. */
  describe(): string {
    const steps = (count: number) => `${count} ${count === 1 ? "step" : "steps"} in a row`;
    if (this.#high === 0) {
      return `the loss or its gradient was not finite in ${
        steps(this.#bad)
      } (those updates were skipped); ${this.#last}`;
    }
    return `the cross entropy was above ${this.#limit.toFixed(2)} nats/word, far from the usual ` +
      `${median(this.#recent).toFixed(2)}, in ${steps(this.#bad + this.#high)}; ${this.#last}`;
  }
}

function limitOf(recent: readonly number[]): number {
  if (recent.length === 0) return Infinity;
  const middle = median(recent);
  const deviation = median(recent.map((value) => Math.abs(value - middle)));
  return middle + Math.max(ABOVE.medians * middle, ABOVE.deviations * deviation, ABOVE.nats);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}
