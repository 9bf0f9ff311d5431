// This module is browser compatible.
/** Recipes for self-critical training. A flag of its script overrides any value. */

import type { Preset } from "./preset.ts";
import type { BASELINES } from "./self_critical.ts";

/** What of a recipe for self-critical training differs from the script's own. */
export interface SelfCriticalPreset {
  readonly samples: number;
  readonly baseline: (typeof BASELINES)[number];
  /** Pictures in a step. */
  readonly batch: number;
  readonly learningRate: number;
  readonly schedule: Preset["schedule"];
  readonly warmup: number;
  /** 0: no limit. */
  readonly clipNorm: number;
  /** 0: no limit. */
  readonly clipValue: number;
  /** Which part of the encoder is trained. */
  readonly fineTune: string;
  /** Most words of a drawn caption, its end included. */
  readonly maxLength: number;
}

/** Recipes for self-critical training, by the name of the preset whose second phase they are. */
export const SELF_CRITICAL_PRESETS = {
  /** The script's own. */
  default: {
    samples: 5,
    baseline: "samples",
    batch: 16,
    learningRate: 5e-5,
    schedule: "cosine",
    warmup: 20,
    clipNorm: 5,
    clipValue: 0,
    fineTune: "all",
    maxLength: 30,
  },
  /**
   * ruotianluo/ImageCaptioning.pytorch, as updown_sc.yml and fc_rl.yml have it (a2i2_sc.yml is cut off there): against
   * the greedy caption, at a constant learning rate.
   */
  att2in: {
    samples: 5, // train_sample_n
    baseline: "greedy",
    batch: 10, // batch_size
    learningRate: 5e-5, // learning_rate, no decay
    schedule: "constant",
    warmup: 0,
    clipNorm: 0,
    clipValue: 0.1, // grad_clip
    fineTune: "none", // cached features
    maxLength: 17, // seq_length 16 and the end
  },
} as const satisfies Record<string, SelfCriticalPreset>;
