// This module is browser compatible.
/** Layers: they make their parameters under a name and return what the forward needs. */

import type { BatchNorm } from "../ops/batch_norm.ts";
import type { LinearLayer } from "../ops/linear.ts";
import type { LstmWeights } from "../ops/lstm_steps.ts";
import type { Tensor } from "../tensor.ts";
import { constant, fanIn, type Initialiser, type Parameters, uniform } from "./parameters.ts";

/** Makes a linear layer; `start` and `startBias` default to PyTorch's initial values. */
export function linearLayer(
  parameters: Parameters,
  name: string,
  sizes: {
    readonly inputs: number;
    readonly outputs: number;
    readonly start?: Initialiser;
    readonly startBias?: Initialiser;
  },
): Required<LinearLayer> {
  const { inputs, outputs, start = fanIn(inputs), startBias = fanIn(inputs) } = sizes;
  return {
    weight: parameters.add(`${name}.weight`, { shape: [outputs, inputs], start }),
    bias: parameters.add(`${name}.bias`, { shape: [outputs], start: startBias }),
  };
}

/** Makes the weights of an LSTM cell. */
export function lstmLayer(
  parameters: Parameters,
  name: string,
  sizes: { readonly inputs: number; readonly hidden: number },
): LstmWeights {
  const { inputs, hidden } = sizes;
  const start = fanIn(hidden);
  return {
    weightIh: parameters.add(`${name}.weight_ih`, { shape: [4 * hidden, inputs], start }),
    weightHh: parameters.add(`${name}.weight_hh`, { shape: [4 * hidden, hidden], start }),
    biasIh: parameters.add(`${name}.bias_ih`, { shape: [4 * hidden], start }),
    biasHh: parameters.add(`${name}.bias_hh`, { shape: [4 * hidden], start }),
  };
}

/** Makes an embedding [V, E], uniform in ±0.1. */
export function embeddingLayer(
  parameters: Parameters,
  name: string,
  sizes: { readonly words: number; readonly size: number },
): Tensor {
  return parameters.add(`${name}.weight`, { shape: [sizes.words, sizes.size], start: uniform(0.1) });
}

/** Makes a batch norm. */
export function batchNormLayer(parameters: Parameters, name: string, channels: number): BatchNorm {
  const shape = [channels];
  return {
    weight: parameters.add(`${name}.weight`, { shape, start: constant(1) }),
    bias: parameters.add(`${name}.bias`, { shape, start: constant(0) }),
    runningMean: parameters.add(`${name}.running_mean`, { shape, start: constant(0), trained: false }),
    runningVar: parameters.add(`${name}.running_var`, { shape, start: constant(1), trained: false }),
  };
}

/**
 * Makes the weight of a square convolution, [k, k, inputs / groups, outputs]; PyTorch's order in files. `start` defaults
 * to PyTorch's initial values.
 */
export function convWeight(
  parameters: Parameters,
  name: string,
  sizes: {
    readonly inputs: number;
    readonly outputs: number;
    readonly kernel: number;
    readonly groups?: number;
    readonly start?: Initialiser;
  },
): Tensor {
  const { inputs, outputs, kernel, groups = 1 } = sizes;
  const perGroup = inputs / groups;
  const { start = fanIn(perGroup * kernel * kernel) } = sizes;
  return parameters.add(`${name}.weight`, {
    shape: [kernel, kernel, perGroup, outputs],
    start,
    layout: "conv",
  });
}
