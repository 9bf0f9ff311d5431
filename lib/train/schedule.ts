// This module is browser compatible.

/** How the learning rate goes on after the warm-up. */
export const SCHEDULES = ["constant", "cosine", "step", "plateau", "noam"] as const;

/** Options of {@linkcode learningRateAt}. */
export interface Schedule {
  /** The highest rate. */
  readonly learningRate: number;
  /**
   * "constant"; "cosine" down to 0 at the last step (Loshchilov and Hutter, 2017); "step", times `decay` every
   * `decaySteps`; "plateau", times `decay` when validations stop getting better, see {@linkcode Plateau}; "noam", with
   * the inverse square root of the step (Vaswani et al., 2017), `learningRate` being its peak at the end of the warm-up.
   */
  readonly schedule: (typeof SCHEDULES)[number];
  /** Steps in which it rises from 0 linearly. */
  readonly warmup: number;
  /** Steps of the whole run. */
  readonly steps: number;
  /** What "step" and "plateau" multiply the rate with. Default 1. */
  readonly decay?: number;
  /** For "step": steps between two reductions, from the first step on. Default: the whole run. */
  readonly decaySteps?: number;
  /** For "plateau": validations in a row that are no better before the rate is reduced. Default 8. */
  readonly patience?: number;
}

/** Learning rate of a step, counted from 0; a plateau's reductions are not in it. */
export function learningRateAt(step: number, options: Schedule): number {
  const { learningRate, schedule, warmup, steps, decay = 1, decaySteps = steps } = options;
  if (step < warmup) return learningRate * (step + 1) / warmup;
  switch (schedule) {
    case "cosine": {
      const progress = Math.min(1, (step - warmup) / Math.max(1, steps - warmup));
      return learningRate * 0.5 * (1 + Math.cos(Math.PI * progress));
    }
    case "step":
      return learningRate * decay ** Math.floor(step / decaySteps);
    case "noam":
      return learningRate * Math.sqrt(Math.max(1, warmup) / (step + 1));
    default:
      return learningRate;
  }
}

/** Whether the rates of a schedule depend on how long the run is to be. */
export function dependsOnLength({ schedule, decaySteps }: Schedule): boolean {
  return schedule === "cosine" || (schedule === "step" && decaySteps === undefined);
}

/** What a {@linkcode Plateau} remembers, for checkpoints. */
export interface PlateauState {
  /** Best score so far; null before the first. */
  readonly best: number | null;
  /** Validations since then. */
  readonly stale: number;
  /** What the learning rate is multiplied with. */
  readonly scale: number;
}

/**
 * Reduces the learning rate when validations stop getting better: after each `patience` of them in a row that are no
 * better than the best. The same as PyTorch's `ReduceLROnPlateau` with a patience less by one and no threshold.
 */
export class Plateau {
  state: PlateauState = { best: null, stale: 0, scale: 1 };
  readonly #decay: number;
  readonly #patience: number;

  constructor({ decay = 1, patience = 8 }: { readonly decay?: number; readonly patience?: number }) {
    this.#decay = decay;
    this.#patience = patience;
  }

  /** @param score Of a validation, the higher the better. */
  observe(score: number): void {
    const { best, stale, scale } = this.state;
    if (score > (best ?? -Infinity)) this.state = { best: score, stale: 0, scale };
    else {
      const reduce = (stale + 1) % this.#patience === 0;
      this.state = { best, stale: stale + 1, scale: reduce ? scale * this.#decay : scale };
    }
  }
}

/** How often a decoder reads its own prediction in place of the true word, see {@linkcode samplingAt}. */
export interface ScheduledSampling {
  /** Steps between two increases, from step 0 on. */
  readonly every: number;
  /** What each adds to the probability. */
  readonly increase: number;
  /** Where it ends. */
  readonly most: number;
}

/** Probability of a step, counted from 0: 0 in the first stretch, then more in each (Bengio et al., 2015). */
export function samplingAt(step: number, { every, increase, most }: ScheduledSampling): number {
  return Math.min(most, increase * Math.floor(step / every));
}
