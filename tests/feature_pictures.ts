// This module runs in Deno only.
/** Pictures, captions and a model for tests of features. */

import type { Backend } from "../lib/backend/backend.ts";
import type { BatchSource } from "../lib/data/batches.ts";
import { TokenTable } from "../lib/data/token_table.ts";
import type { PictureFile } from "../lib/deno/shards.ts";
import { CaptionModel } from "../lib/models/caption_model.ts";
import type { ModelConfig } from "../lib/models/config.ts";
import { hash32 } from "../lib/random.ts";
import { CONFIG, WORDS } from "./small_model.ts";

/** Pictures in all. */
export const PICTURES = 21;
const SIZE = 16;
/** The pictures, as files that were never written. */
export const FILES: PictureFile[] = Array.from(
  { length: PICTURES },
  (_, i) => ({ name: `${i}.jpg`, path: String(i), bytes: 10 + i, modified: 5 }),
);
/** A model whose features are about as large as trained ones are: the running variances are small. */
export function makeModel(backend: Backend, config: Partial<ModelConfig> = {}, seed = 4): CaptionModel {
  const model = new CaptionModel(backend, { ...CONFIG, ...config }, { words: WORDS, seed });
  for (const { name, tensor } of model.parameters.all) {
    if (name.endsWith("running_var")) {
      backend.write(tensor.storage, new Float32Array(tensor.length).fill(0.1));
    }
  }
  return model;
}

/** Random pixels; the number of a picture is its record. */
export const PIXELS = {
  find: (name: string) => parseInt(name),
  pixels(records: ArrayLike<number>, out = new Uint8Array(records.length * SIZE * SIZE * 3)) {
    const bytes = SIZE * SIZE * 3;
    for (let i = 0; i < out.length; i++) {
      out[i] = hash32(3, records[Math.floor(i / bytes)], i % bytes) & 255;
    }
    return out;
  },
};

/** The pictures with a caption of 3 to 7 words each. */
export function split(): BatchSource {
  const lengths = FILES.map((_, i) => 5 + hash32(1, i) % 5);
  const ids = lengths.flatMap((length, i) =>
    Array.from({ length }, (_, t) => t === 0 ? 1 : t === length - 1 ? 2 : 4 + hash32(2, i, t) % (WORDS - 4))
  );
  const starts = Uint32Array.from(lengths.reduce((all, length) => [...all, all.at(-1)! + length], [0]));
  const tokens = new TokenTable(Uint32Array.from(ids), starts, starts.map((_, i) => i));
  return { imageIds: FILES.map((_, i) => i), tokens, size: SIZE, pixels: PIXELS.pixels };
}
