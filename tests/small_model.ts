// This module runs in Deno only.
/** The smallest model with every part, and pictures to train it on: what tests of training share. */

import type { BatchSource } from "../lib/data/batches.ts";
import { TokenTable } from "../lib/data/token_table.ts";
import { DEFAULT_PREPROCESSING } from "../lib/image/preprocess.ts";
import type { ModelConfig } from "../lib/models/config.ts";
import { hash32 } from "../lib/random.ts";

/** Ids of its vocabulary. */
export const WORDS = 12;

/** A model whose sizes all differ, and none is a multiple of four where that could hide a mistake. */
export const CONFIG: ModelConfig = {
  encoder: "tiny",
  channels: [4, 6, 8, 10],
  decoder: "attend",
  embedding: 7,
  hidden: 9,
  attention: 5,
  dropout: 0.3,
  preprocessing: { ...DEFAULT_PREPROCESSING, size: 16 },
};

/** Ten random pictures, `size` wide, with a caption of 3 to 7 words each. */
export function randomPictures(size = 16): BatchSource {
  const lengths = Array.from({ length: 10 }, (_, i) => 5 + hash32(1, i) % 5);
  const ids = lengths.flatMap((length, i) =>
    Array.from({ length }, (_, t) => t === 0 ? 1 : t === length - 1 ? 2 : 4 + hash32(2, i, t) % (WORDS - 4))
  );
  const starts = lengths.reduce((all, length) => [...all, all.at(-1)! + length], [0]);
  const bytes = size * size * 3;
  return {
    imageIds: lengths.map((_, i) => 100 + i),
    tokens: new TokenTable(
      Uint32Array.from(ids),
      Uint32Array.from(starts),
      Uint32Array.from(starts.map((_, i) => i)),
    ),
    size,
    pixels(images, out = new Uint8Array(images.length * bytes)) {
      for (let i = 0; i < out.length; i++) out[i] = hash32(3, images[Math.floor(i / bytes)], i % bytes) & 255;
      return out;
    },
  };
}
