// This module is browser compatible.
import {
  attentionCoverageBackwardKernel,
  attentionCoverageKernel,
} from "../../kernels/attention_coverage.ts";
import { record } from "../record.ts";
import { Tensor } from "../tensor.ts";

/**
 * How far the attention that each position gets over a caption is from 1.
 *
 * @param alphas Attention [T, B, P].
 * @param targets Words predicted [T, B], u32; steps whose target is `ignored` count as alpha = 0.
 * @returns `1 - Σ_t alpha` [B, P]. Its mean square is the doubly stochastic term of Xu et al. (2015), 4.2.1.
 * @throws {RangeError} If the sizes differ.
 */
export function attentionCoverage(
  alphas: Tensor,
  targets: Tensor,
  options: { readonly ignored?: number } = {},
): Tensor {
  const [T, B, P] = alphas.shape;
  if (targets.length !== T * B) {
    throw new RangeError(
      `Cannot sum ${alphas} over the words of ${targets}: needs one target per step and row`,
    );
  }
  const { backend } = alphas;
  const params = { T, B, P, ignored: options.ignored ?? 0 };
  const residual = new Tensor(backend, [B, P], { label: "attention_coverage" });
  const buffers = { alpha: alphas.storage, targets: targets.storage, residual: residual.storage };
  backend.run(attentionCoverageKernel, buffers, params);
  return record(residual, [alphas], ([dResidual]) => {
    const dAlphas = new Tensor(backend, alphas.shape, { label: "d_alphas" });
    backend.run(attentionCoverageBackwardKernel, {
      targets: targets.storage,
      d_residual: dResidual!.storage,
      d_alpha: dAlphas.storage,
    }, params);
    return [dAlphas];
  });
}
