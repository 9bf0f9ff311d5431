// This module is browser compatible.
import { embeddingLayer, linearLayer } from "../nn/layers.ts";
import { constant, type Parameters, uniform } from "../nn/parameters.ts";
import { embedding, linear } from "../ops/mod.ts";
import type { Tensor } from "../tensor.ts";

/** Words into a decoder and out of it. */
export interface WordLayers {
  /** Ids [...] → vectors [..., E]. */
  embed(ids: Tensor): Tensor;
  /** [..., O] → logits [..., V]. */
  predict(output: Tensor): Tensor;
}

/**
 * The embedding and the last layer of a decoder; `tied`, they share one matrix (Press and Wolf, 2017).
 *
 * @throws {RangeError} If they are tied and differ in size.
 */
export function wordLayers(
  parameters: Parameters,
  sizes: {
    /** V. */
    readonly words: number;
    /** E. */
    readonly embedding: number;
    /** O, what the last layer reads. */
    readonly output: number;
    readonly tied?: boolean;
  },
): WordLayers {
  const { words, embedding: size, output, tied = false } = sizes;
  if (tied && size !== output) {
    throw new RangeError(
      `Cannot tie the embedding to the words' last layer: its vectors have ${size} numbers, the layer reads ` +
        `${output}; make them equal, or train with --tied no`,
    );
  }
  const table = embeddingLayer(parameters, "decoder.embedding", { words, size });
  const fc = tied
    ? { weight: table, bias: parameters.add("decoder.fc.bias", { shape: [words], start: constant(0) }) }
    : linearLayer(parameters, "decoder.fc", {
      inputs: output,
      outputs: words,
      start: uniform(0.1),
      startBias: constant(0),
    });
  return { embed: (ids) => embedding(table, ids), predict: (x) => linear(x, fc) };
}
