// This module is browser compatible.
import {
  batchNormCombineKernel,
  batchNormKernel,
  batchNormShares,
  batchNormStatisticsKernel,
} from "../../kernels/batch_norm.ts";
import { batchNormBackwardKernel, batchNormBackwardSumsKernel } from "../../kernels/batch_norm_backward.ts";
import { type Relu, RELUS } from "../../kernels/relu.ts";
import type { Backend, Storage } from "../backend/backend.ts";
import { record } from "../record.ts";
import { Tensor } from "../tensor.ts";
import { runColumnSum } from "./column_sum.ts";
import { copied } from "./copy.ts";
import { joinMoments, joinSums, type JointStatistics, jointStatistics } from "./joint_statistics.ts";

/** Parameters and running statistics of a batch norm, [C] each. */
export interface BatchNorm {
  readonly weight: Tensor;
  readonly bias: Tensor;
  /** Moves towards the batch's mean in training; stands for it otherwise. */
  readonly runningMean: Tensor;
  /** The same for the variance, the one that divides by n − 1. */
  readonly runningVar: Tensor;
}

/** Options of {@linkcode batchNorm}. */
export interface BatchNormOptions {
  /** Use the batch's statistics, and update the running ones in place. Else those are used as constants. */
  readonly training: boolean;
  /** What is applied to the result, without a pass of its own. Default "none". */
  readonly activation?: Relu;
  /** Added to the variance. Default 1e-5. */
  readonly epsilon?: number;
  /** Weight of the batch in the running statistics. Default 0.1. */
  readonly momentum?: number;
}

/**
 * Batch normalisation: `y = weight (x - mean) / sqrt(variance + epsilon) + bias` for each channel.
 *
 * Mean and variance are over all axes but the last (Ioffe and Szegedy, 2015); inside `withJointStatistics` also over
 * the x of the other processes.
 *
 * @param x [..., C].
 * @returns The shape of x.
 * @throws {RangeError} If a parameter is not [C], or x has one value a channel in training.
 */
export function batchNorm(x: Tensor, norm: BatchNorm, options: BatchNormOptions): Tensor {
  const { training, epsilon = 1e-5, momentum = 0.1 } = options;
  const { weight, bias, runningMean, runningVar } = norm;
  const { backend } = x;
  const channels = checkChannels(x, norm);
  const rows = x.length / channels;
  const relu = RELUS[options.activation ?? "none"];
  const joint = training ? jointStatistics() : undefined;
  if (training && rows < 2 && !joint) {
    throw new RangeError(`Cannot normalise ${x} in training: a variance needs more than one value a channel`);
  }
  const { mean, variance, allRows } = training
    ? batchStatistics(x, norm, { rows, channels, momentum, joint })
    : { mean: runningMean, variance: runningVar, allRows: rows };
  const y = new Tensor(backend, x.shape, { type: x.type, label: "batch_norm" });
  const statistics = { mean: mean.storage, variance: variance.storage };
  backend.run(
    batchNormKernel,
    { x: x.storage, ...statistics, weight: weight.storage, bias: bias.storage, y: y.storage },
    { rows, channels, relu, epsilon },
  );
  const maps = { x: x.storage, y: y.storage, ...statistics };
  return record(y, [x, weight, bias], ([dY], needed) => {
    const shape = { rows, channels, relu, epsilon };
    const wantsSums = training || needed[1] || needed[2];
    const sums = wantsSums ? backwardSums(backend, { ...maps, d_y: dY!.storage }, shape) : undefined;
    let dX: Tensor | undefined;
    if (needed[0]) {
      dX = new Tensor(backend, x.shape, { type: x.type, label: "d_x" });
      // The kernel divides by its own rows. d_weight and d_bias stay this process' own: they are summed with the others.
      // Rows that do not count are in no mean: nothing flows back to them.
      const all = joint ? jointSums(joint, sums!, joint.counts ? rows / allRows : 0) : sums;
      const rest = { weight: weight.storage, sums: (all ?? weight).storage, d_x: dX.storage };
      const buffers = { ...maps, d_y: dY!.storage, ...rest };
      backend.run(batchNormBackwardKernel, buffers, { ...shape, training: Number(training) });
    }
    return [
      dX,
      needed[1] ? copied(sums!, [channels], { label: "d_weight", offset: channels }) : undefined,
      needed[2] ? copied(sums!, [channels], { label: "d_bias" }) : undefined,
    ];
  });
}

function checkChannels(x: Tensor, norm: BatchNorm): number {
  const channels = x.shape.at(-1) ?? 1;
  for (const parameter of [norm.weight, norm.bias, norm.runningMean, norm.runningVar]) {
    if (parameter.length !== channels) {
      throw new RangeError(
        `Cannot normalise ${x} with ${parameter}: it must be [${channels}], one a channel`,
      );
    }
  }
  return channels;
}

/** Mean and variance [C] of the batch; moves the running ones towards them. */
function batchStatistics(
  x: Tensor,
  { runningMean, runningVar }: BatchNorm,
  { rows, channels, momentum, joint }: {
    rows: number;
    channels: number;
    momentum: number;
    joint: JointStatistics | undefined;
  },
): { mean: Tensor; variance: Tensor; allRows: number } {
  const { backend } = x;
  const mean = new Tensor(backend, [channels], { label: "mean" });
  const variance = new Tensor(backend, [channels], { label: "variance" });
  const shares = batchNormShares(rows);
  const partial = backend.alloc(shares * 2 * channels);
  const moments = { mean: mean.storage, variance: variance.storage };
  const running = [runningMean.storage, runningVar.storage];
  const moved = joint ? running.map(({ length }) => backend.alloc(length)) : running; // joint ones move below
  backend.run(batchNormStatisticsKernel, { x: x.storage, partial }, { rows, channels, shares });
  const outputs = { ...moments, running_mean: moved[0], running_variance: moved[1] };
  backend.run(batchNormCombineKernel, { partial, ...outputs }, { rows, channels, shares, momentum });
  backend.free(partial);
  if (!joint) return { mean, variance, allRows: rows };
  for (const storage of moved) backend.free(storage);
  return { mean, variance, allRows: joinMoments(joint, { ...moments, running }, { rows, momentum }) };
}

/** [2, C]: the sums of g and of g · x̂, which are d_bias and d_weight. */
function backwardSums(
  backend: Backend,
  maps: Readonly<Record<"x" | "y" | "d_y" | "mean" | "variance", Storage>>,
  shape: { rows: number; channels: number; relu: number; epsilon: number },
): Tensor {
  const { rows, channels } = shape;
  const shares = batchNormShares(rows);
  const sums = new Tensor(backend, [2, channels], { label: "sums" });
  const partial = backend.alloc(shares * 2 * channels);
  backend.run(batchNormBackwardSumsKernel, { ...maps, partial }, { ...shape, shares });
  runColumnSum(backend, { x: partial, y: sums.storage }, { M: shares, N: 2 * channels });
  backend.free(partial);
  return sums;
}

/** The sums over all processes, times `factor`, beside this one's own. */
function jointSums(joint: JointStatistics, sums: Tensor, factor: number): Tensor {
  const all = copied(sums, sums.shape, { label: "joint sums" });
  joinSums(joint, all.storage, factor);
  return all;
}
