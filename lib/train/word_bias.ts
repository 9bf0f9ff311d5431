// This module is browser compatible.
import type { TokenTable } from "../data/token_table.ts";
import type { CaptionModel } from "../models/caption_model.ts";
import { END } from "../text/vocabulary.ts";

/**
 * Starts the bias of the predicted words at the logarithm of their share in the training captions.
 *
 * A fresh model then predicts words as often as they occur, and the first loss is their entropy, not log V. Ids
 * that never follow (padding, start) start as if they were seen half a time.
 */
export function startBiasAtFrequency(model: CaptionModel, tokens: TokenTable): void {
  const bias = model.parameters.all.find(({ name }) => name === "decoder.fc.bias")!.tensor;
  const counts = new Float64Array(bias.length).fill(0.5);
  for (const id of tokens.ids) if (id >= END) counts[id]++;
  const total = counts.reduce((sum, count) => sum + count, 0);
  bias.backend.write(bias.storage, Float32Array.from(counts, (count) => Math.log(count / total)));
}
