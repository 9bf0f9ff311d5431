// This module is browser compatible.
/** Additive attention at one time step of many, forwards and backwards, on slices of tensors over all steps. */

import {
  attentionAlphaBackwardKernel,
  attentionContextKernel,
  attentionScoresBackwardKernel,
  attentionScoresKernel,
  attentionSumBackwardKernel,
  SQUASHES,
} from "../../kernels/attention.ts";
import { ATTENTION_STEP_POSITIONS, attentionStepKernel } from "../../kernels/attention_step.ts";
import { sigmoidGateKernel } from "../../kernels/sigmoid_gate.ts";
import { softmaxBackwardKernel, softmaxKernel } from "../../kernels/softmax.ts";
import { Tensor } from "../tensor.ts";
import { columnSum } from "./column_sum.ts";
import { zeros } from "./filled.ts";
import type { LinearLayer } from "./linear.ts";
import { product } from "./product.ts";

/** What attention reads and writes over T steps. N rows (N / B per image), P positions, D channels, A inner size. */
export interface AttentionSteps {
  /** [B, P, D]. */
  readonly features: Tensor;
  /** The features' half [B, P, A], the same at every step. */
  readonly att1: Tensor;
  /** The state's half [T, N, A]. */
  readonly att2: Tensor;
  /** full_att: weight [1, A], bias [1]. */
  readonly full: LinearLayer;
  /** What is applied to the sum of the halves. */
  readonly squash: keyof typeof SQUASHES;
  /** [T, N, P]. */
  readonly alphas: Tensor;
  /** [T, N, D]. */
  readonly context: Tensor;
  /** Where the context is gated: the gate's logits, and the context times their sigmoid, [T, N, D] each. */
  readonly gate?: { readonly logits: Tensor; readonly gated: Tensor };
}

function sizes({ features, att2, alphas, squash: name }: AttentionSteps) {
  const squash = SQUASHES[name];
  const [B, P, D] = features.shape;
  const [T, N, A] = att2.shape;
  return {
    T,
    B,
    N,
    P,
    D,
    A,
    squash,
    beams: N / B,
    alphaOffset: (t: number) => t * N * P,
    total: alphas.length,
  };
}

/** Fills alphas, context and what is gated of step t, from att2 and the gate's logits of step t. */
export function attendAt(steps: AttentionSteps, t: number): void {
  const { features, att1, att2, full } = steps;
  const { N, P, A, squash, beams } = sizes(steps);
  const { backend } = features;
  const scores = new Tensor(backend, [N, P], { label: "scores" });
  backend.run(attentionScoresKernel, {
    att1: att1.storage,
    att2: att2.storage,
    full: full.weight.storage,
    full_bias: full.bias!.storage,
    scores: scores.storage,
  }, { N, P, A, beams, att2_offset: t * N * A, scores_offset: 0, squash });
  // Where a CPU plays the GPU its barriers are dear.
  const { traits } = backend;
  const atOnce = traits && !traits.software && P <= ATTENTION_STEP_POSITIONS;
  (atOnce ? lookAtOnce : lookInTurn)(steps, scores, t);
  scores.dispose();
}

/** From the scores on in one dispatch. */
function lookAtOnce(steps: AttentionSteps, scores: Tensor, t: number): void {
  const { features, full, alphas, context, gate } = steps;
  const { N, P, D, beams, alphaOffset } = sizes(steps);
  const { backend } = features;
  const unwritten = gate ? undefined : backend.alloc(1);
  backend.run(attentionStepKernel, {
    scores: scores.storage,
    features: features.storage,
    gate_logits: (gate?.logits ?? full.weight).storage,
    alpha: alphas.storage,
    context: context.storage,
    gated: gate?.gated.storage ?? unwritten!,
  }, {
    ...{ N, P, D, beams },
    alpha_offset: alphaOffset(t),
    context_offset: t * N * D,
    gate: Number(gate !== undefined),
  });
  if (unwritten) backend.free(unwritten);
}

/** From the scores on in one dispatch each for softmax, context and gate. */
function lookInTurn(steps: AttentionSteps, scores: Tensor, t: number): void {
  const { features, alphas, context, gate } = steps;
  const { N, P, D, beams, alphaOffset } = sizes(steps);
  const { backend } = features;
  const rows = { outer: N, size: P, inner: 1, x_offset: 0, y_offset: alphaOffset(t), logarithm: 0 };
  backend.run(softmaxKernel, { x: scores.storage, y: alphas.storage }, rows);
  const buffers = { alpha: alphas.storage, features: features.storage, context: context.storage };
  const slices = { alpha_offset: alphaOffset(t), context_offset: t * N * D };
  backend.run(attentionContextKernel, buffers, { N, P, D, beams, ...slices });
  if (!gate) return;
  const gates = { logits: gate.logits.storage, x: context.storage, gated: gate.gated.storage };
  backend.run(sigmoidGateKernel, gates, { count: N * D, offset: t * N * D });
}

/** Gradients of {@linkcode AttentionSteps}, [T, B, ·] each; one row per image. */
export interface AttentionGradients {
  /** What the loss says of alphas themselves; the context's share is added. */
  readonly dAlphas: Tensor;
  readonly dContext: Tensor;
  readonly dAtt2: Tensor;
}

/** From dContext and dAlphas of step t to dAtt2 of step t. */
export function attendBackwardAt(steps: AttentionSteps, gradients: AttentionGradients, t: number): void {
  const { features, att1, att2, full, alphas } = steps;
  const { dAlphas, dContext, dAtt2 } = gradients;
  const { B, P, D, A, squash, alphaOffset } = sizes(steps);
  const { backend } = features;
  const alpha_offset = alphaOffset(t);
  backend.run(attentionAlphaBackwardKernel, {
    features: features.storage,
    d_context: dContext.storage,
    d_alpha: dAlphas.storage,
  }, { B, P, D, context_offset: t * B * D, alpha_offset });
  backend.run(attentionScoresBackwardKernel, {
    alpha: alphas.storage,
    att1: att1.storage,
    att2: att2.storage,
    full: full.weight.storage,
    d_alpha: dAlphas.storage,
    d_att2: dAtt2.storage,
  }, { B, P, A, alpha_offset, att2_offset: t * B * A, squash });
}

/** After {@linkcode attendBackwardAt} for every step: the gradients of what the steps share. */
export function attendBackwardSums(
  steps: AttentionSteps,
  { dAlphas, dContext }: AttentionGradients,
  needed: { readonly features: boolean },
): { dFeatures: Tensor | undefined; dAtt1: Tensor; dFullWeight: Tensor; dFullBias: Tensor } {
  const { features, att1, att2, full, alphas } = steps;
  const { T, B, P, D, A, squash } = sizes(steps);
  const { backend } = features;
  const dScores = new Tensor(backend, alphas.shape, { label: "d_scores" });
  const softmax = { y: alphas.storage, d_y: dAlphas.storage, d_x: dScores.storage };
  const rows = { outer: T * B, size: P, inner: 1, y_offset: 0, logarithm: 0 };
  backend.run(softmaxBackwardKernel, softmax, rows);
  const dAtt1 = new Tensor(backend, att1.shape, { type: att1.type, label: "d_att1" });
  const fullPart = new Tensor(backend, att1.shape, { label: "full_part" });
  backend.run(attentionSumBackwardKernel, {
    att1: att1.storage,
    att2: att2.storage,
    full: full.weight.storage,
    d_score: dScores.storage,
    d_att1: dAtt1.storage,
    full_part: fullPart.storage,
  }, { T, B, P, A, squash });
  let dFeatures: Tensor | undefined;
  if (needed.features) {
    dFeatures = new Tensor(backend, features.shape, { type: features.type, label: "d_features" });
    product({ // for each image: alphasᵀ [P, T] · dContext [T, D]
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
  // A number added to all scores changes no softmax: its gradient is 0, and the sum of d_score nothing but rounding.
  const dFullBias = zeros(backend, [1]);
  return { dFeatures, dAtt1, dFullWeight: columnSum(fullPart, A), dFullBias };
}
