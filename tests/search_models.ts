// This module runs in Deno only.
/** Small models that say different things with confidence, and pictures' features, for the tests of the search. */
import assert from "node:assert/strict";
import type { Backend } from "../lib/backend/backend.ts";
import { DEFAULT_PREPROCESSING } from "../lib/image/preprocess.ts";
import { CaptionModel } from "../lib/models/caption_model.ts";
import type { ModelConfig } from "../lib/models/config.ts";
import { Random } from "../lib/random.ts";
import { type Tensor, tensor } from "../lib/tensor.ts";

/** Words the models know, special ones included. */
export const WORDS = 23;

/** Decoders that the search is tested with: one that attends, one that does not. */
export type SmallDecoder = "attend" | "show_tell";

/** A model for pictures of 16 × 16. */
export function smallConfig(decoder: SmallDecoder): ModelConfig {
  const sizes = { channels: [4, 6, 8, 10], embedding: 7, hidden: 9, attention: 5, dropout: 0 };
  return { encoder: "tiny", decoder, ...sizes, preprocessing: { ...DEFAULT_PREPROCESSING, size: 16 } };
}

/** A model with large weights behind the hidden state: confident, different captions. */
export function makeModel(
  backend: Backend,
  { seed, decoder = "attend" }: { readonly seed: number; readonly decoder?: SmallDecoder },
): CaptionModel {
  const model = new CaptionModel(backend, smallConfig(decoder), { words: WORDS, seed });
  const random = new Random(seed + 1);
  const weight = model.parameters.all.find(({ name }) => name === "decoder.fc.weight")!.tensor;
  backend.write(weight.storage, Float32Array.from({ length: weight.length }, () => 2 * random.normal()));
  return model;
}

/** What an encoder might have made of pictures [images, 4, 10]. */
export function makeFeatures(backend: Backend, { images = 4 }: { readonly images?: number } = {}): Tensor {
  const random = new Random(4);
  const values = Float32Array.from({ length: images * 4 * 10 }, () => 2 * random.normal());
  return tensor(backend, values, { shape: [images, 4, 10], label: "features" });
}

/** Compares numbers, all of which it shows. */
export function near(actual: readonly number[], expected: readonly number[], tolerance: number): void {
  actual.forEach((value, i) =>
    assert.ok(
      Math.abs(value - expected[i]) <= tolerance,
      `${actual.map((p) => p.toFixed(3))} for ${expected}`,
    )
  );
}
