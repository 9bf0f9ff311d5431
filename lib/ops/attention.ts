// This module is browser compatible.
import { record } from "../record.ts";
import { Tensor } from "../tensor.ts";
import { attendAt, attendBackwardAt, attendBackwardSums, type AttentionSteps } from "./attention_steps.ts";
import { ownGradient } from "./copy.ts";
import { zeros } from "./filled.ts";
import type { LinearLayer } from "./linear.ts";
import { reshape } from "./reshape.ts";

/** Options of {@linkcode attention}. */
export interface AttentionOptions {
  /** What is applied to the sum of the halves. Default "relu". */
  readonly squash?: "relu" | "tanh";
  /** States of each image, in a row: then there is no gradient. Default 1. */
  readonly beams?: number;
}

/**
 * Additive attention of a state over positions: `score_p = full · squash(att1_p + att2)`, `alpha = softmax(score)`,
 * `context = Σ alpha_p features_p`.
 *
 * One step alone, with its gradient; decoders run the same kernels over all steps in attendSequence.
 *
 * @param features [B, P, D].
 * @param halves `att1` = encoder_att(features) [B, P, A], `att2` = decoder_att(h) [N, A], N = B · beams.
 * @param full full_att: weight [1, A], bias [1].
 * @returns `context` [N, D] and `alpha` [N, P].
 * @throws {RangeError} If the sizes do not fit.
 */
export function attention(
  features: Tensor,
  halves: { readonly att1: Tensor; readonly att2: Tensor },
  full: LinearLayer,
  { squash = "relu", beams = 1 }: AttentionOptions = {},
): { context: Tensor; alpha: Tensor } {
  const { att1, att2 } = halves;
  const [B, P, D] = features.shape;
  const A = att1.shape.at(-1)!;
  const N = B * beams;
  if (att1.length !== B * P * A || att2.length !== N * A || full.weight.length !== A || !full.bias) {
    throw new RangeError(
      `Cannot attend to ${features} with ${att1} and ${att2}: needs [${B}, ${P}, A], [${N}, A] and ` +
        `weights [1, A] and [1], got ${full.weight}`,
    );
  }
  const { backend } = features;
  const steps: AttentionSteps = {
    features,
    att1,
    att2: att2.view([1, N, A]),
    full,
    squash,
    alphas: new Tensor(backend, [1, N, P], { label: "alpha" }),
    context: new Tensor(backend, [1, N, D], { label: "context" }),
  };
  attendAt(steps, 0);
  const inputs = [features, att1, att2, full.weight, full.bias];
  record([steps.context, steps.alphas], inputs, ([dContext, dAlpha], needed) => {
    if (beams !== 1) throw new RangeError(`Cannot differentiate attention with ${beams} beams per image`);
    const gradients = {
      dContext: dContext ?? zeros(backend, steps.context.shape),
      dAlphas: ownGradient(dAlpha, steps.alphas), // the context's share is added
      dAtt2: new Tensor(backend, steps.att2.shape, { label: "d_att2" }),
    };
    attendBackwardAt(steps, gradients, 0);
    const sums = attendBackwardSums(steps, gradients, { features: needed[0] });
    return [sums.dFeatures, sums.dAtt1, gradients.dAtt2, sums.dFullWeight, sums.dFullBias];
  });
  return { context: reshape(steps.context, [N, D]), alpha: reshape(steps.alphas, [N, P]) };
}
