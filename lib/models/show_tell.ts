// This module is browser compatible.
import { batchNormLayer, embeddingLayer, linearLayer, lstmLayer } from "../nn/layers.ts";
import { constant, type Parameters, uniform } from "../nn/parameters.ts";
import { batchNorm, embedding, linear, lstmCell, lstmSequence, mean, zeros } from "../ops/mod.ts";
import type { Decoder, DecoderSizes } from "./decoder.ts";

/** Weight of a batch in the running statistics of the image's batch norm, as yunjey's tutorial has it. */
const IMAGE_NORM_MOMENTUM = 0.01;

/**
 * The decoder of "Show and Tell" (Vinyals et al., 2015): an LSTM whose first input is the projected mean feature.
 *
 * State starts at zero. The image's own step predicts nothing; the next input is the start token.
 */
export function showTellDecoder(parameters: Parameters, sizes: DecoderSizes): Decoder {
  const { words, channels: D, embedding: E, hidden: H, imageNorm = false } = sizes;
  const table = embeddingLayer(parameters, "decoder.embedding", { words, size: E });
  const projection = linearLayer(parameters, "decoder.image_proj", { inputs: D, outputs: E });
  const norm = imageNorm ? batchNormLayer(parameters, "decoder.image_norm", E) : undefined;
  const lstm = lstmLayer(parameters, "decoder.lstm", { inputs: E, hidden: H });
  const fc = linearLayer(parameters, "decoder.fc", {
    inputs: H,
    outputs: words,
    start: uniform(0.1),
    startBias: constant(0),
  });
  return {
    begin(features, { training = false } = {}) {
      const projected = linear(mean(features, { axes: [1] }), projection); // [B, E]
      const x = norm ? batchNorm(projected, norm, { training, momentum: IMAGE_NORM_MOMENTUM }) : projected;
      const zero = zeros(x.backend, [x.shape[0], H]);
      return { memory: { features }, state: lstmCell(x, { h: zero, c: zero }, lstm) };
    },
    read: (ids, { state }) => lstmSequence(embedding(table, ids), state, lstm),
    predict: (hidden) => linear(hidden, fc),
  };
}
