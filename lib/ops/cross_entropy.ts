// This module is browser compatible.
import {
  crossEntropyBackwardKernel,
  crossEntropyKernel,
  crossEntropyMeanKernel,
} from "../../kernels/cross_entropy.ts";
import { record } from "../record.ts";
import { sizeOf, Tensor } from "../tensor.ts";
import { narrow } from "./narrow.ts";

/** Options of {@linkcode crossEntropy}. */
export interface CrossEntropyOptions {
  /** Rows with this target count neither in the sum nor in the mean. Default 0, padding. */
  readonly ignored?: number;
  /**
   * Share of the target's probability that is spread over all V words, its own included (Szegedy et al., 2016), as
   * PyTorch's `label_smoothing`. Default 0.
   */
  readonly smoothing?: number;
}

/**
 * Mean cross entropy of next-word predictions, padding excluded.
 *
 * @param logits Unnormalised scores [..., V].
 * @param targets Token ids [...], u32, each below V.
 * @returns Loss in nats per word, shape []; NaN if every target is ignored, as in PyTorch.
 * @throws {RangeError} If the sizes differ, or the smoothing is not in [0, 1).
 */
export function crossEntropy(logits: Tensor, targets: Tensor, options: CrossEntropyOptions = {}): Tensor {
  return smoothedCrossEntropy(logits, targets, options).loss;
}

/**
 * {@linkcode crossEntropy} with both numbers that matter where labels are smoothed: the `loss` that is minimised, and
 * the `crossEntropy` of the true words alone, which no gradient flows through; shape [] each.
 */
export function smoothedCrossEntropy(
  logits: Tensor,
  targets: Tensor,
  { ignored = 0, smoothing = 0 }: CrossEntropyOptions = {},
): { readonly loss: Tensor; readonly crossEntropy: Tensor } {
  const V = logits.shape.at(-1)!;
  const N = sizeOf(logits.shape.slice(0, -1));
  if (targets.length !== N || targets.type !== "u32") {
    throw new RangeError(
      `Cannot take the cross entropy of ${logits} for ${targets}: there must be one u32 target per row, ${N}`,
    );
  }
  if (!(smoothing >= 0 && smoothing < 1)) {
    throw new RangeError(`Cannot smooth labels by ${smoothing}: it must be at least 0 and below 1`);
  }
  const { backend } = logits;
  const rowLoss = new Tensor(backend, [2, N], { label: "row_loss" });
  const logSumExp = new Tensor(backend, [N, 2], { label: "log_sum_exp" });
  const means = new Tensor(backend, [3], { label: "cross_entropy" });
  const words = { logits: logits.storage, targets: targets.storage, log_sum_exp: logSumExp.storage };
  const params = { N, V, ignored, smoothing };
  backend.run(crossEntropyKernel, { ...words, row_loss: rowLoss.storage }, params);
  const buffers = { row_loss: rowLoss.storage, targets: targets.storage, loss: means.storage };
  backend.run(crossEntropyMeanKernel, buffers, { N, ignored });
  rowLoss.dispose();
  const loss = record(narrow(means, 0), [logits], ([dLoss]) => {
    const dLogits = new Tensor(backend, logits.shape, { label: "d_logits" });
    backend.run(crossEntropyBackwardKernel, {
      ...words,
      loss: means.storage,
      d_loss: dLoss!.storage,
      d_logits: dLogits.storage,
    }, params);
    return [dLogits];
  });
  return { loss, crossEntropy: smoothing === 0 ? loss : narrow(means, 2) };
}
