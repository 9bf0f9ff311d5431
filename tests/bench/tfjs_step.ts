// This module is browser compatible.
/** The measured training step written in TensorFlow.js: tiny + attend, dropout, clipping, Adam. */

import type { Runner } from "../../lib/bench/contestant.ts";
import { STEP_RECIPE, stepBatch, type StepWork } from "../../lib/bench/step_work.ts";
import { DEFAULT_PREPROCESSING } from "../../lib/image/preprocess.ts";
import { TINY_CHANNELS } from "../../lib/models/tiny.ts";
import { Random } from "../../lib/random.ts";
import type { Tfjs, TfTensor, TfVariable } from "./tfjs_types.ts";

const [E, H, A, D] = [128, 256, 128, 256];
const DROPOUT = 0.5;

/** Makes the step ready, on the backend that is set. */
export function prepareTfjsStep(tf: Tfjs, work: StepWork): Promise<Runner> {
  const weights = new Weights(tf);
  const model = captioner(tf, weights, work.words);
  const { pixels, captions } = stepBatch(work);
  const { batch, size, ids } = work;
  const column = (c: number) =>
    tf.tensor(Int32Array.from({ length: batch }, (_, b) => captions[b * ids + c]), [batch], "int32");
  const columns = Array.from({ length: ids }, (_, c) => column(c));
  const adam = tf.train.adam(STEP_RECIPE.learningRate, 0.9, 0.999, 1e-8);
  const losses: number[] = [];

  function step(): TfTensor {
    return tf.tidy(() => {
      const images = normalised(tf, pixels, [batch, size, size, 3]);
      const { value, grads } = tf.variableGrads(() => model(images, columns), weights.all);
      const norm = tf.sqrt(tf.addN(Object.values(grads).map((gradient) => tf.sum(tf.square(gradient)))));
      const factor = tf.minimum(tf.div(STEP_RECIPE.clipNorm, tf.add(norm, 1e-6)), 1);
      adam.applyGradients(
        Object.fromEntries(Object.entries(grads).map(([name, gradient]) => [name, tf.mul(gradient, factor)])),
      );
      return value;
    });
  }

  return Promise.resolve({
    async run(times) {
      for (let i = 0; i < times; i++) {
        const loss = step();
        losses.push((await loss.data())[0]);
        loss.dispose();
      }
    },
    // Only reported: it was seen to be wrong on a software adapter, and its time is asked for all the same.
    check() {
      const first = Math.log(work.words) + STEP_RECIPE.alphaC;
      if (losses.length > 1 && losses.some((loss) => !(Math.abs(loss - first) < 2))) {
        console.error(
          `tfjs trains with wrong losses here: ${losses.slice(0, 4)}, about ${first.toFixed(1)} is right`,
        );
      }
      return Promise.resolve(undefined);
    },
    dispose() {
      adam.dispose();
      for (const each of [...weights.all, ...columns]) each.dispose();
    },
  });
}

/** Trained tensors, uniform in ±1/sqrt(fanIn). */
class Weights {
  readonly all: TfVariable[] = [];
  constructor(readonly tf: Tfjs) {}

  make(shape: readonly number[], bound: number, start = 0): TfVariable {
    const random = new Random(this.all.length);
    const length = shape.reduce((product, size) => product * size, 1);
    const values = Float32Array.from({ length }, () => start + (2 * random.uniform() - 1) * bound);
    const variable = this.tf.variable(this.tf.tensor(values, shape), true, `bench${this.all.length}`);
    this.all.push(variable);
    return variable;
  }

  linear(inputs: number, outputs: number, bound = 1 / Math.sqrt(inputs)) {
    const [weight, bias] = [this.make([inputs, outputs], bound), this.make([outputs], bound)];
    return (x: TfTensor) => this.tf.add(this.tf.matMul(x, weight), bias);
  }
}

function normalised(tf: Tfjs, pixels: Uint8Array, shape: readonly number[]): TfTensor {
  const { mean, std } = DEFAULT_PREPROCESSING;
  const bytes = tf.tensor(Float32Array.from(pixels), shape);
  return tf.div(tf.sub(tf.div(bytes, 255), tf.tensor(mean, [3])), tf.tensor(std, [3]));
}

/** The model's loss of pictures [B, h, w, 3] and captions, one tensor [B] for each column. */
function captioner(tf: Tfjs, weights: Weights, V: number) {
  const blocks = TINY_CHANNELS.map((outputs, i) => {
    const inputs = i > 0 ? TINY_CHANNELS[i - 1] : 3;
    return {
      weight: weights.make([3, 3, inputs, outputs], 1 / Math.sqrt(9 * inputs)),
      scale: weights.make([outputs], 0, 1),
      shift: weights.make([outputs], 0),
      stride: i < 2 ? 2 : 1,
    };
  });
  const table = weights.make([V, E], 0.1);
  const encoderAtt = weights.linear(D, A);
  const decoderAtt = weights.linear(H, A);
  const fullAtt = weights.linear(A, 1);
  const [initH, initC, gate] = [weights.linear(D, H), weights.linear(D, H), weights.linear(H, D)];
  const [inputGates, hiddenGates] = [weights.linear(E + D, 4 * H), weights.linear(H, 4 * H)];
  const fc = weights.linear(H, V, 0.1);

  const { add, div, mul, reshape, sigmoid, sub, tanh } = tf;
  return (images: TfTensor, columns: readonly TfTensor[]): TfTensor => {
    let x = images;
    for (const [i, { weight, scale, shift, stride }] of blocks.entries()) {
      const y = tf.conv2d(x, weight, stride, 1, "NHWC", 1, "floor");
      const { mean, variance } = tf.moments(y, [0, 1, 2]);
      x = tf.relu(add(mul(div(sub(y, mean), tf.sqrt(add(variance, 1e-5))), scale), shift));
      if (i === 2) x = tf.maxPool(x, 2, 2, "valid");
    }
    const [B, rows, width] = x.shape;
    const P = rows * width;
    const features = reshape(x, [B, P, D]);
    const average = tf.mean(features, 1);
    const att1 = reshape(encoderAtt(reshape(features, [B * P, D])), [B, P, A]);
    let [h, c] = [initH(average), initC(average)];
    const [hidden, alphas]: [TfTensor[], TfTensor[]] = [[], []];
    for (const ids of columns.slice(0, -1)) {
      const att = tf.relu(add(att1, reshape(decoderAtt(h), [B, 1, A])));
      const alpha = tf.softmax(reshape(fullAtt(reshape(att, [B * P, A])), [B, P]));
      const context = reshape(tf.matMul(reshape(alpha, [B, 1, P]), features), [B, D]);
      const input = tf.concat([tf.gather(table, ids), mul(sigmoid(gate(h)), context)], 1);
      const [i, f, g, o] = tf.split(add(inputGates(input), hiddenGates(h)), 4, 1);
      c = add(mul(sigmoid(f), c), mul(sigmoid(i), tanh(g)));
      h = mul(sigmoid(o), tanh(c));
      hidden.push(h);
      alphas.push(alpha);
    }
    const logits = fc(tf.dropout(tf.concat(hidden, 0), DROPOUT)); // [T · B, V]
    const targets = tf.oneHot(tf.concat(columns.slice(1), 0), V);
    const entropy = mul(tf.mean(tf.sum(mul(tf.logSoftmax(logits), targets), 1)), -1);
    const coverage = tf.mean(tf.square(sub(tf.addN(alphas), 1)));
    return add(entropy, mul(coverage, STEP_RECIPE.alphaC));
  };
}
