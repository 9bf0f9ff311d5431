// This module is browser compatible.
import { linearLayer } from "../nn/layers.ts";
import type { Parameters } from "../nn/parameters.ts";
import {
  add,
  attention,
  concat,
  linear,
  mul,
  relu,
  reshape,
  sigmoid,
  slice,
  sub,
  tanh,
  zeros,
} from "../ops/mod.ts";
import type { Tensor } from "../tensor.ts";
import { type Decoder, type DecoderSizes, dropNothing } from "./decoder.ts";
import { wordLayers } from "./word_layers.ts";

/**
 * The decoder "Att2in" of "Self-critical sequence training" (Rennie et al., 2017), in the form of
 * ruotianluo/ImageCaptioning.pytorch's `att2in2`: an LSTM whose candidate is the larger of two, and which reads the
 * attended feature in those two alone.
 *
 * Features and words go through ReLU and dropout; the state starts at zero. The gates' rows are input, forget, output,
 * then both candidates.
 */
export function att2inDecoder(parameters: Parameters, sizes: DecoderSizes): Decoder {
  const { words, channels: D, embedding: E, hidden: H, attention: A, tied } = sizes;
  const layer = (name: string, inputs: number, outputs: number) =>
    linearLayer(parameters, `decoder.${name}`, { inputs, outputs });
  const { embed, predict } = wordLayers(parameters, { words, embedding: E, output: H, tied });
  const attEmbed = layer("att_embed", D, H);
  const contextAtt = layer("ctx2att", H, A);
  const stateAtt = layer("core.attention.h2att", H, A);
  const scoreAtt = layer("core.attention.alpha_net", A, 1);
  const wordGates = layer("core.i2h", E, 5 * H);
  const stateGates = layer("core.h2h", H, 5 * H);
  const contextGates = layer("core.a2c", H, 2 * H);
  return {
    words,
    begin(features, { drop = dropNothing } = {}) {
      const [B, P] = features.shape;
      const embedded = linear(features, attEmbed, { activation: "relu" });
      const dropped = reshape(drop(reshape(embedded, [B, P * H]), "image"), [B, P, H]);
      const zero = () => zeros(features.backend, [B, H]);
      const memory = { features, values: dropped, att1: linear(dropped, contextAtt) };
      return { memory, state: { h: zero(), c: zero() } };
    },
    read(ids, { memory: { values, att1 }, state }, { drop = dropNothing } = {}) {
      const [T, N] = ids.shape;
      const [B, P] = values!.shape;
      const options = { squash: "tanh", beams: N / B } as const;
      const fromWords = linear(drop(relu(embed(ids)), "words"), wordGates); // [T, N, 5H]
      const hidden: Tensor[] = [];
      const alphas: Tensor[] = [];
      let { h, c } = state;
      for (let t = 0; t < T; t++) {
        const halves = { att1: att1!, att2: linear(h, stateAtt) };
        const { context, alpha } = attention(values!, halves, scoreAtt, options);
        const fromWord = reshape(slice(fromWords, { axis: 0, start: t, length: 1 }), [N, 5 * H]);
        const sums = add(fromWord, linear(h, stateGates));
        const part = (x: Tensor, start: number, length: number) => slice(x, { axis: 1, start, length });
        const gates = sigmoid(part(sums, 0, 3 * H));
        const [input, forget, output] = [0, 1, 2].map((gate) => part(gates, gate * H, H));
        const both = add(part(sums, 3 * H, 2 * H), linear(context, contextGates));
        c = add(mul(forget, c), mul(input, larger(part(both, 0, H), part(both, H, H))));
        h = mul(output, tanh(c));
        hidden.push(reshape(h, [1, N, H]));
        alphas.push(reshape(alpha, [1, N, P]));
      }
      return { hidden: concat(hidden, 0), alphas: concat(alphas, 0), cell: c };
    },
    predict,
  };
}

/** The larger of two, elementwise. */
function larger(a: Tensor, b: Tensor): Tensor {
  return add(relu(sub(a, b)), b);
}
