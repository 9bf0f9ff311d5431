// This module is browser compatible.
import { linearLayer, lstmLayer } from "../nn/layers.ts";
import type { Parameters } from "../nn/parameters.ts";
import { add, attendSequence, linear, mean, tanh } from "../ops/mod.ts";
import { type Decoder, type DecoderSizes, dropNothing } from "./decoder.ts";
import { wordLayers } from "./word_layers.ts";

/**
 * The decoder of "Show, Attend and Tell" (Xu et al., 2015): an LSTM that looks at the image before each word,
 * with soft attention and a gated context. The state starts from the mean of the features.
 *
 * With a deep output the words are predicted from `tanh(W_h h + W_z context + embedding)`, as in the paper's own code
 * (its "prev2out" and "ctx2out"), which adds the tanh to the paper's formula.
 */
export function attendDecoder(parameters: Parameters, sizes: DecoderSizes): Decoder {
  const { words, channels: D, embedding: E, hidden: H, attention: A } = sizes;
  const { squash = "relu", deepOutput = false, tied } = sizes;
  const layer = (name: string, inputs: number, outputs: number) =>
    linearLayer(parameters, `decoder.${name}`, { inputs, outputs });
  const { embed, predict } = wordLayers(parameters, {
    words,
    embedding: E,
    output: deepOutput ? E : H,
    tied,
  });
  const encoderAtt = layer("attention.encoder_att", D, A);
  const decoderAtt = layer("attention.decoder_att", H, A);
  const fullAtt = layer("attention.full_att", A, 1);
  const initH = layer("init_h", D, H);
  const initC = layer("init_c", D, H);
  const gate = layer("f_beta", H, D);
  const lstm = lstmLayer(parameters, "decoder.lstm", { inputs: E + D, hidden: H });
  const deep = deepOutput && { hidden: layer("hidden_out", H, E), context: layer("context_out", D, E) };
  const weights = { lstm, state: decoderAtt, full: fullAtt, gate };
  return {
    words,
    begin(features) {
      const average = mean(features, { axes: [1] });
      return {
        memory: { features, att1: linear(features, encoderAtt) },
        state: { h: linear(average, initH), c: linear(average, initC) },
      };
    },
    read(ids, { memory: { features, att1 }, state }, { drop = dropNothing } = {}) {
      const embedded = drop(embed(ids), "words");
      const options = { memory: { features, att1: att1! }, state, weights, squash };
      const { hidden, alphas, context, cell } = attendSequence(embedded, options);
      if (!deep) return { hidden, alphas, cell };
      const sum = add(
        add(linear(drop(hidden, "hidden"), deep.hidden), linear(context, deep.context)),
        embedded,
      );
      return { hidden, alphas, cell, output: tanh(sum) };
    },
    predict,
  };
}
