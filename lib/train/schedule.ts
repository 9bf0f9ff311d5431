// This module is browser compatible.

/** How the learning rate goes on after the warm-up. */
export const SCHEDULES = ["constant", "cosine"] as const;

/** Options of {@linkcode learningRateAt}. */
export interface Schedule {
  /** The highest rate. */
  readonly learningRate: number;
  /** "constant", or "cosine" down to 0 at the last step (Loshchilov and Hutter, 2017). */
  readonly schedule: (typeof SCHEDULES)[number];
  /** Steps in which it rises from 0 linearly. */
  readonly warmup: number;
  /** Steps of the whole run. */
  readonly steps: number;
}

/** Learning rate of a step, counted from 0. */
export function learningRateAt(step: number, { learningRate, schedule, warmup, steps }: Schedule): number {
  if (step < warmup) return learningRate * (step + 1) / warmup;
  if (schedule === "constant") return learningRate;
  const progress = Math.min(1, (step - warmup) / Math.max(1, steps - warmup));
  return learningRate * 0.5 * (1 + Math.cos(Math.PI * progress));
}
