// This module is browser compatible.
/** Where cached features come from: what must be equal for them to be of use. */

import type { Preprocessing } from "../image/preprocess.ts";

/** Number types that features are kept in. */
export const FEATURE_TYPES = ["f16", "f32"] as const;
/** Type of a cached number. */
export type FeatureType = (typeof FEATURE_TYPES)[number];

/** How features came about. Two caches with the same origin hold the same numbers for the same pictures. */
export interface FeatureOrigin {
  /** The encoder and its sizes, as the model's configuration has them. */
  readonly encoder: Readonly<Record<string, unknown>>;
  /** SHA-256 of the encoder's tensors, names and shapes included. */
  readonly weights: string;
  /** From a file to the encoder's input. */
  readonly preprocessing: Preprocessing;
  /** P, positions of the grid. */
  readonly positions: number;
  /** D, channels. */
  readonly channels: number;
  readonly type: FeatureType;
}
