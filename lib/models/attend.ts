// This module is browser compatible.
import { embeddingLayer, linearLayer, lstmLayer } from "../nn/layers.ts";
import { constant, type Parameters, uniform } from "../nn/parameters.ts";
import { attendSequence, embedding, linear, mean } from "../ops/mod.ts";
import type { Decoder, DecoderSizes } from "./decoder.ts";

/**
 * The decoder of "Show, Attend and Tell" (Xu et al., 2015): an LSTM that looks at the image before each word,
 * with soft attention and a gated context. The state starts from the mean of the features.
 */
export function attendDecoder(parameters: Parameters, sizes: DecoderSizes): Decoder {
  const { words, channels: D, embedding: E, hidden: H, attention: A } = sizes;
  const layer = (name: string, inputs: number, outputs: number) =>
    linearLayer(parameters, `decoder.${name}`, { inputs, outputs });
  const table = embeddingLayer(parameters, "decoder.embedding", { words, size: E });
  const encoderAtt = layer("attention.encoder_att", D, A);
  const decoderAtt = layer("attention.decoder_att", H, A);
  const fullAtt = layer("attention.full_att", A, 1);
  const initH = layer("init_h", D, H);
  const initC = layer("init_c", D, H);
  const gate = layer("f_beta", H, D);
  const lstm = lstmLayer(parameters, "decoder.lstm", { inputs: E + D, hidden: H });
  const fc = linearLayer(parameters, "decoder.fc", {
    inputs: H,
    outputs: words,
    start: uniform(0.1),
    startBias: constant(0),
  });
  const weights = { lstm, state: decoderAtt, full: fullAtt, gate };
  return {
    begin(features) {
      const average = mean(features, { axes: [1] });
      return {
        memory: { features, att1: linear(features, encoderAtt) },
        state: { h: linear(average, initH), c: linear(average, initC) },
      };
    },
    read(ids, { memory: { features, att1 }, state }) {
      const options = { memory: { features, att1: att1! }, state, weights };
      return attendSequence(embedding(table, ids), options);
    },
    predict: (hidden) => linear(hidden, fc),
  };
}
