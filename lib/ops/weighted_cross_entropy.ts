// This module is browser compatible.
import { crossEntropyKernel } from "../../kernels/cross_entropy.ts";
import {
  weightedCrossEntropyBackwardKernel,
  weightedCrossEntropyKernel,
} from "../../kernels/weighted_cross_entropy.ts";
import { record } from "../record.ts";
import { sizeOf, Tensor } from "../tensor.ts";
import { narrow } from "./narrow.ts";

/** Words of a batch with a weight each. */
export interface WeightedTargets {
  /** Token ids [...], u32, each below V. */
  readonly targets: Tensor;
  /** Weight of each [...]; constants, of any sign. */
  readonly weights: Tensor;
  /** Rows with this target count neither in the sum nor in the mean. Default 0, padding. */
  readonly ignored?: number;
}

/**
 * Mean over the rows that count of weight · cross entropy: a policy's gradient, where a weight is how much better than
 * expected its word turned out.
 *
 * @param logits Unnormalised scores [..., V].
 * @returns Shape []; NaN if every target is ignored.
 * @throws {RangeError} If the sizes differ.
 */
export function weightedCrossEntropy(logits: Tensor, options: WeightedTargets): Tensor {
  const { targets, weights, ignored = 0 } = options;
  const V = logits.shape.at(-1)!;
  const N = sizeOf(logits.shape.slice(0, -1));
  if (targets.length !== N || targets.type !== "u32" || weights.length !== N || weights.type !== "f32") {
    throw new RangeError(
      `Cannot weigh the cross entropy of ${logits} for ${targets} by ${weights}: there must be one u32 target and ` +
        `one f32 weight per row, ${N}`,
    );
  }
  const { backend } = logits;
  const rowLoss = new Tensor(backend, [2, N], { label: "row_loss" });
  const logSumExp = new Tensor(backend, [N, 2], { label: "log_sum_exp" });
  const mean = new Tensor(backend, [2], { label: "weighted_cross_entropy" });
  backend.run(crossEntropyKernel, {
    logits: logits.storage,
    targets: targets.storage,
    row_loss: rowLoss.storage,
    log_sum_exp: logSumExp.storage,
  }, { N, V, ignored, smoothing: 0 });
  const words = { targets: targets.storage, weights: weights.storage };
  backend.run(weightedCrossEntropyKernel, { row_loss: rowLoss.storage, ...words, loss: mean.storage }, {
    N,
    ignored,
  });
  rowLoss.dispose();
  const loss = narrow(mean, 0);
  return record(loss, [logits], ([dLoss]) => {
    const dLogits = new Tensor(backend, logits.shape, { label: "d_logits" });
    backend.run(weightedCrossEntropyBackwardKernel, {
      logits: logits.storage,
      ...words,
      log_sum_exp: logSumExp.storage,
      loss: mean.storage,
      d_loss: dLoss!.storage,
      d_logits: dLogits.storage,
    }, { N, V, ignored });
    return [dLogits];
  });
}
