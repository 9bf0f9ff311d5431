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
}

/**
 * Mean cross entropy of next-word predictions, padding excluded.
 *
 * @param logits Unnormalised scores [..., V].
 * @param targets Token ids [...], u32, each below V.
 * @returns Loss in nats per word, shape []; NaN if every target is ignored, as in PyTorch.
 * @throws {RangeError} If the sizes differ.
 */
export function crossEntropy(logits: Tensor, targets: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const { ignored = 0 } = options;
  const V = logits.shape.at(-1)!;
  const N = sizeOf(logits.shape.slice(0, -1));
  if (targets.length !== N || targets.type !== "u32") {
    throw new RangeError(
      `Cannot take the cross entropy of ${logits} for ${targets}: there must be one u32 target per row, ${N}`,
    );
  }
  const { backend } = logits;
  const rowLoss = new Tensor(backend, [N], { label: "row_loss" });
  const logSumExp = new Tensor(backend, [N], { label: "log_sum_exp" });
  const mean = new Tensor(backend, [2], { label: "cross_entropy" });
  backend.run(crossEntropyKernel, {
    logits: logits.storage,
    targets: targets.storage,
    row_loss: rowLoss.storage,
    log_sum_exp: logSumExp.storage,
  }, { N, V, ignored });
  const buffers = { row_loss: rowLoss.storage, targets: targets.storage, loss: mean.storage };
  backend.run(crossEntropyMeanKernel, buffers, { N, ignored });
  rowLoss.dispose();
  const loss = narrow(mean, 0);
  return record(loss, [logits], ([dLoss]) => {
    const dLogits = new Tensor(backend, logits.shape, { label: "d_logits" });
    backend.run(crossEntropyBackwardKernel, {
      logits: logits.storage,
      targets: targets.storage,
      log_sum_exp: logSumExp.storage,
      loss: mean.storage,
      d_loss: dLoss!.storage,
      d_logits: dLogits.storage,
    }, { N, V, ignored });
    return [dLogits];
  });
}
