// This module is browser compatible.
/** Batch norm over the pictures of several processes: what each must know of the others' (PyTorch's SyncBatchNorm). */

import { hostNumbers } from "../backend/cpu_memory.ts";
import type { NumberArray, Storage } from "../backend/backend.ts";

/** Adds up over all processes. */
export interface JointStatistics {
  /** Sums the numbers of all processes, in place. All call it equally often, in the same order. */
  sum(data: Float64Array): void;
  /** Whether this process' pictures count; otherwise it only takes part. */
  readonly counts: boolean;
}

let current: JointStatistics | undefined;

/** Runs `fn`; batch norms inside that train share their statistics, forwards and backwards. */
export function withJointStatistics<T>(joint: JointStatistics | undefined, fn: () => T): T {
  const outer = current;
  current = joint;
  try {
    return fn();
  } finally {
    current = outer;
  }
}

/** Who shares statistics now. */
export function jointStatistics(): JointStatistics | undefined {
  return current;
}

/** Storages of mean and variance [C], and the two running ones. */
export interface Moments {
  readonly mean: Storage;
  readonly variance: Storage;
  readonly running: readonly Storage[];
}

/**
 * Turns the mean and variance of this process' rows into those of all rows, and moves the running ones towards them.
 *
 * @returns Rows of all processes.
 */
export function joinMoments(
  joint: JointStatistics,
  moments: Moments,
  { rows, momentum }: { readonly rows: number; readonly momentum: number },
): number {
  const [mean, variance, runningMean, runningVar] = [moments.mean, moments.variance, ...moments.running]
    .map(onHost);
  const C = mean.length;
  const sums = new Float64Array(2 * C + 1); // Σ x, Σ x², rows: f64 keeps their difference exact enough
  if (joint.counts) {
    for (let c = 0; c < C; c++) {
      sums[c] = rows * mean[c];
      sums[C + c] = rows * (variance[c] + mean[c] ** 2);
    }
    sums[2 * C] = rows;
  }
  joint.sum(sums);
  const all = sums[2 * C];
  if (all < 2) {
    throw new RangeError(
      `Cannot normalise ${all} value a channel in training: a variance needs more than one`,
    );
  }
  for (let c = 0; c < C; c++) {
    mean[c] = sums[c] / all;
    variance[c] = Math.max(0, sums[C + c] / all - (sums[c] / all) ** 2);
    runningMean[c] += momentum * (mean[c] - runningMean[c]);
    runningVar[c] += momentum * (variance[c] * all / (all - 1) - runningVar[c]);
  }
  return all;
}

/** Turns the two sums [2, C] of the gradient over this process' rows into those over all rows, times `factor`. */
export function joinSums(joint: JointStatistics, sums: Storage, factor: number): void {
  const numbers = onHost(sums);
  const all = Float64Array.from(numbers);
  joint.sum(all);
  for (let i = 0; i < all.length; i++) numbers[i] = factor * all[i];
}

function onHost(storage: Storage): NumberArray {
  const numbers = hostNumbers(storage);
  if (numbers) return numbers;
  throw new TypeError(
    "Cannot share the statistics of a batch norm: they are on a GPU, and the processes exchange them between two " +
      "kernels, use --device cpu or leave out --sync-bn",
  );
}
