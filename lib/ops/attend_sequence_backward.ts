// This module is browser compatible.
import {
  attentionAlphaBackwardKernel,
  attentionScoresBackwardKernel,
  attentionSumBackwardKernel,
} from "../../kernels/attention.ts";
import { copyKernel, fillKernel } from "../../kernels/elementwise.ts";
import { sigmoidGateBackwardKernel } from "../../kernels/sigmoid_gate.ts";
import { softmaxBackwardKernel } from "../../kernels/softmax.ts";
import { Tensor } from "../tensor.ts";
import type { AttendRun } from "./attend_sequence.ts";
import { columnSum } from "./column_sum.ts";
import { stepsBeforeProduct } from "./lstm_steps.ts";
import { product } from "./product.ts";

/**
 * Gradients of attendSequence, in the order of its recorded inputs.
 *
 * The walk through time computes only what the step before needs. Gradients of weights, words and features are
 * one product each after it, over all steps.
 */
export function attendBackward(
  run: AttendRun,
  [dHidden, dAlphas, dLastCell]: readonly (Tensor | undefined)[],
  needed: readonly boolean[],
): (Tensor | undefined)[] {
  const { features, att1, weights, embedded, steps, att2, alphas, state } = run;
  const { T, B, P, D, A, E, H } = run.sizes;
  const { backend } = features;
  const make = (shape: readonly number[], label: string) => new Tensor(backend, shape, { label });
  const walk: AttendGradients = {
    lstm: steps.startBackward(dHidden, dLastCell),
    dAlphas: make(alphas.shape, "d_alphas"),
    dAtt2: make(att2.shape, "d_att2"),
    dContext: make(run.context.shape, "d_context"),
    dGateLogits: make(run.context.shape, "d_gate_logits"),
  };
  if (dAlphas) {
    const buffers = { x: dAlphas.storage, y: walk.dAlphas.storage };
    backend.run(copyKernel, buffers, { count: alphas.length, x_offset: 0, y_offset: 0 });
  } else backend.run(fillKernel, { y: walk.dAlphas.storage }, { count: alphas.length, value: 0 });
  for (let t = T - 1; t >= 0; t--) stepBackward(run, walk, t);
  const { dContext, dGateLogits, dAtt2 } = walk;
  const { dCell, dH0 } = walk.lstm;

  // The LSTM's weights. Its inputs were [embedded, gated].
  const { weightIh } = weights.lstm;
  const dWeightIh = make(weightIh.shape, "d_weight_ih");
  steps.inputWeightGradient(embedded, { dWeight: dWeightIh, columns: E, offset: 0 });
  steps.inputWeightGradient(run.gated, { dWeight: dWeightIh, columns: D, offset: E });
  const { dWeightHh, dBias } = steps.recurrentWeightGradients();
  let dEmbedded: Tensor | undefined;
  if (needed[0]) {
    dEmbedded = make(embedded.shape, "d_embedded");
    product({ a: steps.gates, b: weightIh, c: dEmbedded, M: T * B, N: E, K: 4 * H, ldb: E + D });
  }

  // The layers that read the hidden state.
  const dStateWeight = make([A, H], "d_decoder_att");
  const before = { h0: state.h };
  stepsBeforeProduct(steps, {
    ...before,
    dOutputs: dAtt2,
    dWeight: dStateWeight,
    sizes: { T, B, H, outputs: A },
  });
  const dGateWeight = make([D, H], "d_f_beta");
  stepsBeforeProduct(steps, {
    ...before,
    dOutputs: dGateLogits,
    dWeight: dGateWeight,
    sizes: { T, B, H, outputs: D },
  });

  // The attention, all steps at once.
  const dScores = make(alphas.shape, "d_scores");
  const rows = { outer: T * B, size: P, inner: 1, y_offset: 0, logarithm: 0 };
  const softmax = { y: alphas.storage, d_y: walk.dAlphas.storage, d_x: dScores.storage };
  backend.run(softmaxBackwardKernel, softmax, rows);
  const dAtt1 = make(att1.shape, "d_att1");
  const fullPart = make(att1.shape, "full_part");
  backend.run(attentionSumBackwardKernel, {
    att1: att1.storage,
    att2: att2.storage,
    full: weights.full.weight.storage,
    d_score: dScores.storage,
    d_att1: dAtt1.storage,
    full_part: fullPart.storage,
  }, { T, B, P, A });
  let dFeatures: Tensor | undefined;
  if (needed[1]) {
    dFeatures = make(features.shape, "d_features");
    // for each image: alphasᵀ [P, T] · dContext [T, D]
    product({
      a: alphas,
      b: dContext,
      c: dFeatures,
      M: P,
      N: D,
      K: T,
      transposeA: true,
      lda: B * P,
      ldb: B * D,
      batch: B,
      strideA: P,
      strideB: D,
      strideC: P * D,
    });
  }
  return [
    dEmbedded,
    dFeatures,
    dAtt1,
    dH0,
    dCell,
    dWeightIh,
    dWeightHh,
    dBias,
    dBias,
    dStateWeight,
    columnSum(dAtt2, A),
    columnSum(fullPart, A),
    columnSum(dScores, 1),
    dGateWeight,
    columnSum(dGateLogits, D),
  ];
}

interface AttendGradients {
  readonly lstm: ReturnType<AttendRun["steps"]["startBackward"]>;
  /** [T, B, P]: what the loss says of alpha, and from stepBackward on the context's share too. */
  readonly dAlphas: Tensor;
  /** [T, B, A]. */
  readonly dAtt2: Tensor;
  /** [T, B, D]; of the gated context first, then of the context. */
  readonly dContext: Tensor;
  /** [T, B, D]. */
  readonly dGateLogits: Tensor;
}

/** Walks step t back to the hidden state before it. */
function stepBackward(run: AttendRun, walk: AttendGradients, t: number): void {
  const { features, att1, weights, steps, att2, alphas, context, gateLogits } = run;
  const { B, P, D, A, E, H } = run.sizes;
  const { lstm, dAlphas, dAtt2, dContext, dGateLogits } = walk;
  const { backend } = features;
  steps.stepBackward(t, lstm);
  steps.recurrentBackward(t, lstm);
  product({ // to the gated context
    a: steps.gates,
    b: weights.lstm.weightIh,
    c: dContext,
    M: B,
    N: D,
    K: 4 * H,
    ldb: E + D,
    offsetA: t * B * 4 * H,
    offsetB: E,
    offsetC: t * B * D,
  });
  backend.run(sigmoidGateBackwardKernel, {
    logits: gateLogits.storage,
    x: context.storage,
    d_logits: dGateLogits.storage,
    d_x: dContext.storage,
  }, { count: B * D, offset: t * B * D });
  backend.run(attentionAlphaBackwardKernel, {
    features: features.storage,
    d_context: dContext.storage,
    d_alpha: dAlphas.storage,
  }, { B, P, D, context_offset: t * B * D, alpha_offset: t * B * P });
  backend.run(attentionScoresBackwardKernel, {
    alpha: alphas.storage,
    att1: att1.storage,
    att2: att2.storage,
    full: weights.full.weight.storage,
    d_alpha: dAlphas.storage,
    d_att2: dAtt2.storage,
  }, { B, P, A, alpha_offset: t * B * P, att2_offset: t * B * A });
  const target = { ...steps.gradientBefore(t, lstm), M: B, N: H, beta: 1 } as const;
  product({ ...target, a: dAtt2, b: weights.state.weight, K: A, offsetA: t * B * A });
  product({ ...target, a: dGateLogits, b: weights.gate.weight, K: D, offsetA: t * B * D });
}
