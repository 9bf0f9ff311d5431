// This module runs in Deno only.
/** What folders of shards can hold: pixels, or an encoder's features. See `shards.ts` and `features.ts`. */

import type { FeatureOrigin } from "../data/feature_origin.ts";
import type { Geometry } from "../image/preprocess.ts";

/** A kind of shards: records of equal length, one a picture. */
export interface ShardFormat<Origin> {
  /** In the first line of the index. */
  readonly name: string;
  /** What it holds, for errors: "packed pixels". */
  readonly contents: string;
  /** The command that makes and mends them. */
  readonly command: string;
  /** Name of the file with the records. */
  fileName(origin: Origin): string;
  /** Bytes of one record. */
  recordBytes(origin: Origin): number;
}

/** Pictures decoded and resized: records of [size, size, 3] bytes. */
export const PIXELS: ShardFormat<Geometry> = {
  name: "showtell-shards",
  contents: "packed pixels",
  command: "deno task prepare",
  fileName: () => "pixels.u8",
  recordBytes: ({ size }) => size * size * 3,
};

/** What an encoder makes of pictures: records of [P, D] numbers in f16 or f32, little-endian. */
export const FEATURES: ShardFormat<FeatureOrigin> = {
  name: "showtell-features",
  contents: "cached features",
  command: "deno task prepare --features",
  fileName: ({ type }) => `features.${type}`,
  recordBytes: ({ positions, channels, type }) => positions * channels * (type === "f16" ? 2 : 4),
};
