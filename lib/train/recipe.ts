// This module is browser compatible.
import type { EncoderTraining } from "./groups.ts";
import type { Schedule, ScheduledSampling } from "./schedule.ts";

/** Names of the optimisers. */
export const OPTIMISERS = ["adam", "adamw", "sgd"] as const;

/** How a model is trained. */
export interface Recipe extends Schedule, EncoderTraining {
  /** Default "adam". */
  readonly optimiser?: (typeof OPTIMISERS)[number];
  /** For Adam: decay of the gradients' mean, and of their squares'. Default 0.9 and 0.999. */
  readonly beta1?: number;
  readonly beta2?: number;
  /** For "sgd". Default 0. */
  readonly momentum?: number;
  /** Pulls weights towards 0; "adamw" beside the step, the others as part of the gradient. Default 0. */
  readonly weightDecay?: number;
  /** Largest global norm of the gradients; 0: no limit. */
  readonly clipNorm: number;
  /** Largest absolute value of each number of the gradients; 0: no limit. Default 0. */
  readonly clipValue?: number;
  /** Weight of the doubly stochastic attention term. */
  readonly alphaC: number;
  /** Share of the target's probability that is spread over all words. Default 0. */
  readonly labelSmoothing?: number;
  /** How often the decoder reads its own predictions. Default: never. */
  readonly scheduledSampling?: ScheduledSampling;
  /** Decay of the moving averages of the weights, which are validated and saved; 0: none. Default 0. */
  readonly average?: number;
  /** "f16": activations in half precision, with a loss scale. Default "f32". */
  readonly precision?: Precision;
  /** Names the run's random numbers. */
  readonly seed: number;
}

/** What activations are stored in. */
export const PRECISIONS = ["f32", "f16"] as const;
/** One of {@linkcode PRECISIONS}. */
export type Precision = (typeof PRECISIONS)[number];
