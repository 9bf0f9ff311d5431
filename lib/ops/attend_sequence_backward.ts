// This module is browser compatible.
import { sigmoidGateBackwardKernel } from "../../kernels/sigmoid_gate.ts";
import { Tensor } from "../tensor.ts";
import type { AttendRun } from "./attend_sequence.ts";
import { attendBackwardAt, attendBackwardSums, type AttentionGradients } from "./attention_steps.ts";
import { columnSum } from "./column_sum.ts";
import { copyInto, ownGradient } from "./copy.ts";
import { type LstmGradients, stepsBeforeProduct } from "./lstm_steps.ts";
import { product } from "./product.ts";

/**
 * Gradients of attendSequence, in the order of its recorded inputs.
 *
 * The walk through time computes only what the step before needs. Gradients of weights, words and features are
 * one product each after it, over all steps.
 */
export function attendBackward(
  run: AttendRun,
  [dHidden, dAlphas, dLastCell, dGated]: readonly (Tensor | undefined)[],
  needed: readonly boolean[],
): (Tensor | undefined)[] {
  const { weights, embedded, steps, attention, state } = run;
  const { T, N, D, A, E, H } = run.sizes;
  const { backend } = embedded;
  const make = (shape: readonly number[], label: string) => new Tensor(backend, shape, { label });
  const { alphas, att2, context } = attention;
  const walk: Walk = {
    lstm: steps.startBackward(dHidden, dLastCell),
    attention: {
      dAlphas: ownGradient(dAlphas, alphas),
      dContext: make(context.shape, "d_context"),
      dAtt2: make(att2.shape, "d_att2"),
    },
    dGateLogits: make(context.shape, "d_gate_logits"),
    beta: dGated ? 1 : 0,
  };
  if (dGated) copyInto(walk.attention.dContext, dGated);
  for (let t = T - 1; t >= 0; t--) stepBackward(run, walk, t);

  // The LSTM's weights. Its inputs were [embedded, gated].
  const { weightIh } = weights.lstm;
  const dWeightIh = make(weightIh.shape, "d_weight_ih");
  steps.inputWeightGradient(embedded, { dWeight: dWeightIh, columns: E, offset: 0 });
  steps.inputWeightGradient(run.gated, { dWeight: dWeightIh, columns: D, offset: E });
  const { dWeightHh, dBias } = steps.recurrentWeightGradients();
  let dEmbedded: Tensor | undefined;
  if (needed[0]) {
    dEmbedded = make(embedded.shape, "d_embedded");
    product({ a: steps.gates, b: weightIh, c: dEmbedded, M: T * N, N: E, K: 4 * H, ldb: E + D });
  }

  // The layers that read the hidden state.
  const { dAtt2 } = walk.attention;
  const layerWeight = (dOutputs: Tensor, outputs: number, label: string) => {
    const dWeight = make([outputs, H], label);
    stepsBeforeProduct(steps, { dOutputs, dWeight, h0: state.h, sizes: { T, B: N, H, outputs } });
    return dWeight;
  };
  const sums = attendBackwardSums(attention, walk.attention, { features: needed[1] });
  return [
    dEmbedded,
    sums.dFeatures,
    sums.dAtt1,
    walk.lstm.dH0,
    walk.lstm.dCell,
    dWeightIh,
    dWeightHh,
    dBias,
    dBias,
    layerWeight(dAtt2, A, "d_decoder_att"),
    columnSum(dAtt2, A),
    sums.dFullWeight,
    sums.dFullBias,
    layerWeight(walk.dGateLogits, D, "d_f_beta"),
    columnSum(walk.dGateLogits, D),
  ];
}

interface Walk {
  readonly lstm: LstmGradients;
  /** dContext holds the gradient of the gated context first, then of the context. */
  readonly attention: AttentionGradients;
  /** [T, N, D]. */
  readonly dGateLogits: Tensor;
  /** 1 where dContext holds a gradient already: the context was an output that somebody used. */
  readonly beta: 0 | 1;
}

/** Walks step t back to the hidden state before it. */
function stepBackward(run: AttendRun, { lstm, attention, dGateLogits, beta }: Walk, t: number): void {
  const { weights, steps, gateLogits } = run;
  const { N, D, A, E, H } = run.sizes;
  const { dContext, dAtt2 } = attention;
  steps.stepBackward(t, lstm);
  steps.recurrentBackward(t, lstm);
  product({ // to the gated context
    a: steps.gates,
    b: weights.lstm.weightIh,
    c: dContext,
    M: N,
    N: D,
    K: 4 * H,
    ldb: E + D,
    offsetA: t * N * 4 * H,
    offsetB: E,
    offsetC: t * N * D,
    beta,
  });
  dContext.backend.run(sigmoidGateBackwardKernel, {
    logits: gateLogits.storage,
    x: run.attention.context.storage,
    d_logits: dGateLogits.storage,
    d_x: dContext.storage,
  }, { count: N * D, offset: t * N * D });
  attendBackwardAt(run.attention, attention, t);
  const target = { ...steps.gradientBefore(t, lstm), M: N, N: H, beta: 1 } as const;
  product({ ...target, a: dAtt2, b: weights.state.weight, K: A, offsetA: t * N * A });
  product({ ...target, a: dGateLogits, b: weights.gate.weight, K: D, offsetA: t * N * D });
}
