// This module is browser compatible.
import { batchNormLayer, linearLayer, lstmLayer } from "../nn/layers.ts";
import type { Parameters } from "../nn/parameters.ts";
import { batchNorm, linear, lstmCell, lstmSequence, mean, relu, zeros } from "../ops/mod.ts";
import { type Decoder, type DecoderSizes, dropNothing } from "./decoder.ts";
import { wordLayers } from "./word_layers.ts";

/** Weight of a batch in the running statistics of the image's batch norm, as yunjey's tutorial has it. */
const IMAGE_NORM_MOMENTUM = 0.01;

/**
 * The decoder of "Show and Tell" (Vinyals et al., 2015): an LSTM whose first input is the projected mean feature.
 *
 * State starts at zero. The image's own step predicts nothing; the next input is the start token.
 */
export function showTellDecoder(parameters: Parameters, sizes: DecoderSizes): Decoder {
  const { words, channels: D, embedding: E, hidden: H, imageNorm = false, imageRelu = false, tied } = sizes;
  const { embed, predict } = wordLayers(parameters, { words, embedding: E, output: H, tied });
  const projection = linearLayer(parameters, "decoder.image_proj", { inputs: D, outputs: E });
  const norm = imageNorm ? batchNormLayer(parameters, "decoder.image_norm", E) : undefined;
  const lstm = lstmLayer(parameters, "decoder.lstm", { inputs: E, hidden: H });
  return {
    words,
    begin(features, { training = false, drop = dropNothing } = {}) {
      let x = linear(mean(features, { axes: [1] }), projection); // [B, E]
      if (norm) x = batchNorm(x, norm, { training, momentum: IMAGE_NORM_MOMENTUM });
      if (imageRelu) x = relu(x);
      const zero = zeros(x.backend, [x.shape[0], H]);
      return { memory: { features }, state: lstmCell(drop(x, "image"), { h: zero, c: zero }, lstm) };
    },
    read: (ids, { state }, { drop = dropNothing } = {}) =>
      lstmSequence(drop(embed(ids), "words"), state, lstm),
    predict,
  };
}
