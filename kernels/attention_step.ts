// This module is browser compatible.
import { ceilDiv, defineKernel, MAX_WORKGROUPS } from "./kernel.ts";
import wgsl from "./attention_step.wgsl" with { type: "text" };

/** Most positions that it can look at: one row's alpha lies in workgroup memory. */
export const ATTENTION_STEP_POSITIONS = 2048;

/** Channels that a workgroup takes at once. */
const CHANNELS = 64;
/**
 * Workgroups that occupy a large GPU: eight of 256 invocations on each of some 128 processors, as many as it takes to have
 * enough loads on their way. A row is shared out to as many as make so many of all rows, at the cost of its softmax
 * being computed by each. Reasoned, not measured.
 */
const BUSY = 1024;

/**
 * Softmax of each row's scores, the context that it makes of the features, and its gate in one dispatch; see
 * `attention_step.wgsl`.
 *
 * With `gate` 0 nothing of gate_logits is read and nothing of gated written: bind any input, and one number.
 */
export const attentionStepKernel = defineKernel({
  name: "attention_step",
  wgsl,
  inputs: ["scores", "features", "gate_logits"],
  outputs: ["alpha", "context", "gated"],
  params: {
    N: "u32",
    P: "u32",
    D: "u32",
    beams: "u32",
    alpha_offset: "u32",
    context_offset: "u32",
    gate: "u32",
  },
  workgroups({ N, D }) {
    const shares = Math.max(1, Math.min(ceilDiv(D, CHANNELS), ceilDiv(BUSY, N)));
    const columns = ceilDiv(N, MAX_WORKGROUPS);
    return [shares, ceilDiv(N, columns), columns];
  },
  cpu({ scores, features, gate_logits, alpha, context, gated }, p) {
    const { N, P, D, alpha_offset, context_offset } = p;
    for (let n = 0; n < N; n++) {
      const image = Math.floor(n / p.beams) * P; // its first position
      const weights = Float64Array.from(scores.subarray(n * P, (n + 1) * P));
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
