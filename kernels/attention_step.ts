// This module is browser compatible.
import { SQUASH } from "./attention.ts";
import { ceilDiv, defineKernel, MAX_WORKGROUPS } from "./kernel.ts";
import wgsl from "./attention_step.wgsl" with { type: "text" };

/** Most positions that it can look at: one row's alpha lies in workgroup memory. */
export const ATTENTION_STEP_POSITIONS = 2048;

/** Invocations of a workgroup, and so the channels that one takes at once. */
const WORKGROUP = 256;
/**
 * Workgroups that occupy a large GPU. A row is shared out to as many as make so many of all rows, at the cost of its
 * scores being computed by each. A guess until someone measures it on a card.
 */
const BUSY = 128;

/**
 * Attention of each row over its image, its softmax, context and gate in one dispatch; see `attention_step.wgsl`.
 *
 * With `gate` 0 nothing of gate_logits is read and nothing of gated written: bind any input, and one number.
 */
export const attentionStepKernel = defineKernel({
  name: "attention_step",
  wgsl,
  inputs: ["att1", "att2", "full", "features", "gate_logits"],
  outputs: ["alpha", "context", "gated"],
  params: {
    N: "u32",
    P: "u32",
    A: "u32",
    D: "u32",
    beams: "u32",
    att2_offset: "u32",
    alpha_offset: "u32",
    context_offset: "u32",
    squash: "u32",
    gate: "u32",
  },
  workgroups({ N, D }) {
    const shares = Math.max(1, Math.min(ceilDiv(D, WORKGROUP), ceilDiv(BUSY, N)));
    const columns = ceilDiv(N, MAX_WORKGROUPS);
    return [shares, ceilDiv(N, columns), columns];
  },
  cpu({ att1, att2, full, features, gate_logits, alpha, context, gated }, p) {
    const { N, P, A, D, alpha_offset, context_offset } = p;
    const f = SQUASH[p.squash];
    const weights = new Float64Array(P);
    for (let n = 0; n < N; n++) {
      const image = Math.floor(n / p.beams) * P; // its first position
      for (let i = 0; i < P; i++) {
        weights[i] = 0;
        for (let a = 0; a < A; a++) {
          weights[i] += full[a] * f(att1[(image + i) * A + a] + att2[p.att2_offset + n * A + a]);
        }
      }
      const largest = weights.reduce((most, score) => Math.max(most, score), -Infinity);
      let total = 0;
      for (let i = 0; i < P; i++) total += weights[i] = Math.exp(weights[i] - largest);
      for (let i = 0; i < P; i++) alpha[alpha_offset + n * P + i] = weights[i] /= total;
      for (let d = 0; d < D; d++) {
        let sum = 0;
        for (let i = 0; i < P; i++) sum += weights[i] * features[(image + i) * D + d];
        const at = context_offset + n * D + d;
        context[at] = sum;
        if (p.gate) gated[at] = sum / (1 + Math.exp(-gate_logits[at]));
      }
    }
  },
});
