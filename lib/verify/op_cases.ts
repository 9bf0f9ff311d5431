// This module is browser compatible.
/** How each golden op is called here: one entry an op, inputs by the golden's names. */

import {
  adaptiveAvgPool2d,
  add,
  attention,
  batchNorm,
  conv2d,
  crossEntropy,
  embedding,
  globalAvgPool,
  interpolate,
  linear,
  logSoftmax,
  lstmCell,
  matmul,
  maxPool2d,
  relu,
  relu6,
  reshape,
  sigmoid,
  softmax,
  tanh,
} from "../ops/mod.ts";
import type { Tensor } from "../tensor.ts";
import type { Layout } from "./layouts.ts";

/** Tensors by the golden's names. */
export type Named = Readonly<Record<string, Tensor>>;

/** A case's attributes, as its JSON gives them. */
export interface Attributes {
  readonly axis?: number;
  readonly eps?: number;
  readonly groups?: number;
  readonly ignore_index?: number;
  readonly kernel?: number;
  readonly momentum?: number;
  readonly output_size?: readonly [number, number];
  readonly padding?: number;
  readonly stride?: number;
  readonly training?: boolean;
  readonly transpose_a?: boolean;
  readonly transpose_b?: boolean;
}

/** One op: which of its tensors have another order of axes, and the call, which returns outputs by name. */
export interface OpCase {
  readonly layouts?: Readonly<Record<string, Layout>>;
  readonly run: (inputs: Named, attributes: Attributes) => Named;
}

const IMAGES = { x: "image", y: "image" } as const;

const elementwise = (op: (x: Tensor) => Tensor): OpCase => ({ run: ({ x }) => ({ y: op(x) }) });

/** Ops whose golden is a function of its inputs. Adam and the clip are checked apart. */
export const OP_CASES: Readonly<Record<string, OpCase>> = {
  adaptive_avg_pool2d: {
    layouts: IMAGES,
    run: ({ x }, { output_size }) => ({ y: adaptiveAvgPool2d(x, output_size!) }),
  },
  attention_step: {
    run(inputs) {
      const { features, h, encoder_weight, encoder_bias, decoder_weight, decoder_bias } = inputs;
      const att1 = linear(features, { weight: encoder_weight, bias: encoder_bias });
      const att2 = linear(h, { weight: decoder_weight, bias: decoder_bias });
      const full = { weight: inputs.full_weight, bias: inputs.full_bias };
      return { ...attention(features, { att1, att2 }, full) };
    },
  },
  batch_norm: {
    layouts: IMAGES,
    run({ x, weight, bias, running_mean, running_var }, { training, eps, momentum }) {
      const norm = { weight, bias, runningMean: running_mean, runningVar: running_var };
      const y = batchNorm(x, norm, { training: training!, epsilon: eps, momentum });
      return { y, new_running_mean: running_mean, new_running_var: running_var }; // updated in place in training
    },
  },
  conv2d: {
    layouts: { ...IMAGES, weight: "weight" },
    run: ({ x, weight, bias }, { stride, padding, groups }) => ({
      y: conv2d(x, weight, { bias, stride, padding, groups }),
    }),
  },
  cross_entropy: {
    run: ({ x, target }, { ignore_index }) => ({ loss: crossEntropy(x, target, { ignored: ignore_index }) }),
  },
  embedding: { run: ({ weight, ids }) => ({ y: embedding(weight, ids) }) },
  global_avg_pool: { layouts: { x: "image" }, run: ({ x }) => ({ y: globalAvgPool(x) }) },
  linear: { run: ({ x, weight, bias }) => ({ y: linear(x, { weight, bias }) }) },
  log_softmax: { run: ({ x }, { axis }) => ({ y: logSoftmax(x, { axis }) }) },
  lstm_cell: {
    run({ x, h, c, weight_ih, weight_hh, bias_ih, bias_hh }) {
      const weights = { weightIh: weight_ih, weightHh: weight_hh, biasIh: bias_ih, biasHh: bias_hh };
      const state = lstmCell(x, { h, c }, weights);
      return { new_h: state.h, new_c: state.c };
    },
  },
  matmul: {
    run: ({ a, b }, { transpose_a, transpose_b }) => ({
      y: matmul(a, b, { transposeA: transpose_a, transposeB: transpose_b }),
    }),
  },
  max_pool2d: {
    layouts: IMAGES,
    run: ({ x }, { kernel, stride, padding }) => ({
      y: maxPool2d(x, { kernel: kernel!, stride, padding }),
    }),
  },
  relu: elementwise(relu),
  relu6: elementwise(relu6),
  resize_bilinear_antialias: {
    layouts: IMAGES,
    run: ({ x }, { output_size }) => ({ y: interpolate(x, output_size!) }),
  },
  sigmoid: elementwise(sigmoid),
  softmax: { run: ({ x }, { axis }) => ({ y: softmax(x, { axis }) }) },
  tanh: elementwise(tanh),
};

/** Sums of single numbers, in any shape that has one. */
export function addAll(terms: readonly Tensor[]): Tensor {
  return terms.map((term) => reshape(term, [1])).reduce((sum, term) => add(sum, term));
}
