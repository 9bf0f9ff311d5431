// This module is browser compatible.
/**
 * Additive attention over the positions of an image, forwards and backwards.
 *
 * The softmax between scores and alpha is softmaxKernel. What the time steps share is not computed in them:
 * att1 comes before the loop; gradients of att1, full and the features come after it, for all steps at once.
 */

import { address } from "./address.ts";
import {
  alphaBackwardVec4,
  alphaBackwardWorkgroup,
  contextVec4,
  inFours,
  SCORES_BACKWARD_POSITIONS,
  scoresBackwardVec4,
  scoresBackwardWorkgroup,
  scoresVec4,
  scoresWorkgroup,
  sumBackwardVec4,
} from "./attention_programs.ts";
import { defineKernel, linearGrid, type Program } from "./kernel.ts";
import alphaBackwardWgsl from "./attention_alpha_backward.wgsl" with { type: "text" };
import contextWgsl from "./attention_context.wgsl" with { type: "text" };
import scoresWgsl from "./attention_scores.wgsl" with { type: "text" };
import scoresBackwardWgsl from "./attention_scores_backward.wgsl" with { type: "text" };
import sumBackwardWgsl from "./attention_sum_backward.wgsl" with { type: "text" };

const WORKGROUP = 64;

/** Values of the parameter `squash`: what is applied to att1 + att2 before the scores. */
export const SQUASHES = { relu: 0, tanh: 1 } as const;

/** By number; NaN goes through. */
const SQUASH: readonly ((u: number) => number)[] = [(u) => u <= 0 ? 0 : u, Math.tanh];
/** Their gradients, from u. */
const SLOPE: readonly ((u: number) => number)[] = [(u) => Number(u > 0), (u) => 1 - Math.tanh(u) ** 2];
/** What the engine's loops of each are called behind their name. */
const SUFFIX = ["", "_tanh"] as const;

/** Scores [N, P] of the positions; see `attention_scores.wgsl`. */
export const attentionScoresKernel = defineKernel({
  name: "attention_scores",
  wgsl: scoresWgsl,
  inputs: ["att1", "att2", "full", "full_bias"],
  outputs: ["scores"],
  params: {
    N: "u32",
    P: "u32",
    A: "u32",
    beams: "u32",
    att2_offset: "u32",
    scores_offset: "u32",
    squash: "u32",
  },
  constants: { WORKGROUP },
  workgroups: ({ N, P }) => linearGrid(N * P, WORKGROUP),
  variants: [scoresWorkgroup, scoresVec4],
  choose({ A, att2_offset }, { software }): Program<"N" | "P"> {
    if (!software) return scoresWorkgroup;
    return inFours(A, att2_offset) ? scoresVec4 : attentionScoresKernel;
  },
  cpu({ att1, att2, full, full_bias, scores }, { N, P, A, beams, att2_offset, scores_offset, squash }) {
    const f = SQUASH[squash];
    for (let n = 0; n < N; n++) {
      const image = Math.floor(n / beams);
      for (let p = 0; p < P; p++) {
        let sum = full_bias[0];
        for (let a = 0; a < A; a++) {
          sum += full[a] * f(att1[(image * P + p) * A + a] + att2[att2_offset + n * A + a]);
        }
        scores[scores_offset + n * P + p] = sum;
      }
    }
  },
  fast({ att1, att2, full, full_bias, scores }, params, engine) {
    const { N, P, A, beams, att2_offset, scores_offset, squash } = params;
    const inputs = [address(att1), address(att2, att2_offset), address(full), address(full_bias)];
    const name = `attention_scores${SUFFIX[squash]}`;
    engine.loop(name, N, [...inputs, address(scores, scores_offset), P, A, beams]);
  },
});

/** Context [N, D], the features weighted by alpha; see `attention_context.wgsl`. */
export const attentionContextKernel = defineKernel({
  name: "attention_context",
  wgsl: contextWgsl,
  inputs: ["alpha", "features"],
  outputs: ["context"],
  params: { N: "u32", P: "u32", D: "u32", beams: "u32", alpha_offset: "u32", context_offset: "u32" },
  constants: { WORKGROUP },
  workgroups: ({ N, D }) => linearGrid(N * D, WORKGROUP),
  variants: [contextVec4],
  choose: ({ D, context_offset }): Program<"N" | "D"> =>
    inFours(D, context_offset) ? contextVec4 : attentionContextKernel,
  cpu({ alpha, features, context }, { N, P, D, beams, alpha_offset, context_offset }) {
    for (let n = 0; n < N; n++) {
      const row = context_offset + n * D;
      for (let d = 0; d < D; d++) context[row + d] = 0;
      for (let p = 0; p < P; p++) {
        const weight = alpha[alpha_offset + n * P + p];
        const position = (Math.floor(n / beams) * P + p) * D;
        for (let d = 0; d < D; d++) context[row + d] += weight * features[position + d];
      }
    }
  },
  fast({ alpha, features, context }, { N, P, D, beams, alpha_offset, context_offset }, engine) {
    engine.gemm({
      a: alpha,
      b: features,
      c: context,
      M: beams,
      N: D,
      K: P,
      batch: N / beams,
      offsetA: alpha_offset,
      offsetC: context_offset,
      strideA: beams * P,
      strideB: P * D,
      strideC: beams * D,
    });
  },
});

/** Adds the context's share to d_alpha; see `attention_alpha_backward.wgsl`. */
export const attentionAlphaBackwardKernel = defineKernel({
  name: "attention_alpha_backward",
  wgsl: alphaBackwardWgsl,
  inputs: ["features", "d_context"],
  outputs: ["d_alpha"],
  params: { B: "u32", P: "u32", D: "u32", context_offset: "u32", alpha_offset: "u32" },
  constants: { WORKGROUP },
  workgroups: ({ B, P }) => linearGrid(B * P, WORKGROUP),
  variants: [alphaBackwardWorkgroup, alphaBackwardVec4],
  choose({ D, context_offset }, { software }): Program<"B" | "P"> {
    if (!software) return alphaBackwardWorkgroup;
    return inFours(D, context_offset) ? alphaBackwardVec4 : attentionAlphaBackwardKernel;
  },
  cpu({ features, d_context, d_alpha }, { B, P, D, context_offset, alpha_offset }) {
    for (let b = 0; b < B; b++) {
      for (let p = 0; p < P; p++) {
        let sum = 0;
        for (let d = 0; d < D; d++) {
          sum += d_context[context_offset + b * D + d] * features[(b * P + p) * D + d];
        }
        d_alpha[alpha_offset + b * P + p] += sum;
      }
    }
  },
  fast({ features, d_context, d_alpha }, { B, P, D, context_offset, alpha_offset }, engine) {
    engine.gemm({
      a: d_context,
      b: features,
      c: d_alpha,
      M: 1,
      N: P,
      K: D,
      transposeB: true,
      beta: 1,
      batch: B,
      offsetA: context_offset,
      offsetC: alpha_offset,
      strideA: D,
      strideB: P * D,
      strideC: P,
    });
  },
});

/** Gradient of att2 from that of alpha; see `attention_scores_backward.wgsl`. */
export const attentionScoresBackwardKernel = defineKernel({
  name: "attention_scores_backward",
  wgsl: scoresBackwardWgsl,
  inputs: ["alpha", "att1", "att2", "full", "d_alpha"],
  outputs: ["d_att2"],
  params: { B: "u32", P: "u32", A: "u32", alpha_offset: "u32", att2_offset: "u32", squash: "u32" },
  constants: { WORKGROUP },
  workgroups: ({ B, A }) => linearGrid(B * A, WORKGROUP),
  variants: [scoresBackwardWorkgroup, scoresBackwardVec4],
  choose({ P, A, att2_offset }, { software }): Program<"B" | "A"> {
    if (!software && P <= SCORES_BACKWARD_POSITIONS) return scoresBackwardWorkgroup;
    return inFours(A, att2_offset) ? scoresBackwardVec4 : attentionScoresBackwardKernel;
  },
  cpu({ alpha, att1, att2, full, d_alpha, d_att2 }, { B, P, A, alpha_offset, att2_offset, squash }) {
    const slope = SLOPE[squash];
    for (let b = 0; b < B; b++) {
      const row = alpha_offset + b * P;
      const state = att2_offset + b * A;
      let inner = 0;
      for (let p = 0; p < P; p++) inner += d_alpha[row + p] * alpha[row + p];
      for (let a = 0; a < A; a++) d_att2[state + a] = 0;
      for (let p = 0; p < P; p++) {
        const dScore = alpha[row + p] * (d_alpha[row + p] - inner);
        const position = (b * P + p) * A;
        for (let a = 0; a < A; a++) {
          d_att2[state + a] += full[a] * dScore * slope(att1[position + a] + att2[state + a]);
        }
      }
    }
  },
  fast({ alpha, att1, att2, full, d_alpha, d_att2 }, params, engine) {
    const { B, P, A, alpha_offset, att2_offset, squash } = params;
    const inputs = [address(alpha, alpha_offset), address(att1), address(att2, att2_offset), address(full)];
    const gradients = [address(d_alpha, alpha_offset), address(d_att2, att2_offset)];
    engine.loop(`attention_scores_backward${SUFFIX[squash]}`, B, [...inputs, ...gradients, P, A]);
  },
});

/** Gradients of att1 and full over all steps; see `attention_sum_backward.wgsl`. */
export const attentionSumBackwardKernel = defineKernel({
  name: "attention_sum_backward",
  wgsl: sumBackwardWgsl,
  inputs: ["att1", "att2", "full", "d_score"],
  outputs: ["d_att1", "full_part"],
  params: { T: "u32", B: "u32", P: "u32", A: "u32", squash: "u32" },
  constants: { WORKGROUP },
  workgroups: ({ B, P, A }) => linearGrid(B * P * A, WORKGROUP),
  variants: [sumBackwardVec4],
  choose: ({ A }): Program<"B" | "P" | "A"> => inFours(A) ? sumBackwardVec4 : attentionSumBackwardKernel,
  cpu({ att1, att2, full, d_score, d_att1, full_part }, { T, B, P, A, squash }) {
    const [f, slope] = [SQUASH[squash], SLOPE[squash]];
    for (let position = 0; position < B * P; position++) {
      const b = Math.floor(position / P);
      for (let a = 0; a < A; a++) {
        d_att1[position * A + a] = 0;
        full_part[position * A + a] = 0;
      }
      for (let t = 0; t < T; t++) {
        const d = d_score[t * B * P + position];
        const state = (t * B + b) * A;
        for (let a = 0; a < A; a++) {
          const u = att1[position * A + a] + att2[state + a];
          d_att1[position * A + a] += full[a] * d * slope(u);
          full_part[position * A + a] += d * f(u);
        }
      }
    }
  },
  fast({ att1, att2, full, d_score, d_att1, full_part }, { T, B, P, A, squash }, engine) {
    const addresses = [att1, att2, full, d_score, d_att1, full_part].map((array) => address(array));
    engine.loop(`attention_sum_backward${SUFFIX[squash]}`, B * P, [...addresses, T, B, P, A]);
  },
});
