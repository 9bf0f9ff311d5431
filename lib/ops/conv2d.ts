// This module is browser compatible.
import { conv2dKernel } from "../../kernels/conv2d.ts";
import { conv2dBackwardInputKernel } from "../../kernels/conv2d_backward_input.ts";
import { conv2dBackwardWeightKernel, convWeightSplits } from "../../kernels/conv2d_backward_weight.ts";
import type { ConvParams } from "../../kernels/conv2d_shape.ts";
import { sumPartialsKernel } from "../../kernels/conv2d_sum_partials.ts";
import { type Relu, RELUS } from "../../kernels/relu.ts";
import { record } from "../record.ts";
import { Tensor } from "../tensor.ts";
import { behindRelu } from "./behind_relu.ts";
import { columnSum } from "./column_sum.ts";
import { featureMap, windowPositions } from "./feature_map.ts";

/** Options of {@linkcode conv2d}. */
export interface ConvOptions {
  /** [Cout], added to every position. Default: none. */
  readonly bias?: Tensor;
  /** Rows or columns from one window to the next. Default 1. */
  readonly stride?: number;
  /** Rows and columns of zeros added on each side. Default 0. */
  readonly padding?: number;
  /** Rows and columns of zeros added below and on the right, less than the kernel's. Default: `padding`. */
  readonly paddingEnd?: number;
  /** What is applied to the result, without a pass of its own. Default "none". */
  readonly activation?: Relu;
  /** Groups of channels that see only each other; the channels of x make it depthwise. Default 1. */
  readonly groups?: number;
}

/**
 * Cross-correlation of feature maps with learned windows, zero padding.
 *
 * @param x [B, h, w, Cin].
 * @param weight [kh, kw, Cin / groups, Cout].
 * @returns [B, oh, ow, Cout] with `oh = floor((h + padding + paddingEnd - kh) / stride) + 1`.
 * @throws {RangeError} If the shapes do not fit.
 */
export function conv2d(x: Tensor, weight: Tensor, options: ConvOptions = {}): Tensor {
  const { bias, activation = "none" } = options;
  const params = convParams(x, weight, options);
  const { batch, out_height, out_width, out_channels } = params;
  const { backend } = x;
  const y = new Tensor(backend, [batch, out_height, out_width, out_channels], {
    type: x.type,
    label: "conv2d",
  });
  backend.run(
    conv2dKernel,
    { x: x.storage, weight: weight.storage, bias: (bias ?? weight).storage, y: y.storage },
    { ...params, use_bias: Number(bias !== undefined), relu: RELUS[activation] },
  );
  return record(y, bias ? [x, weight, bias] : [x, weight], ([dOutput], needed) => {
    const dY = behindRelu(y, dOutput!, activation);
    let dX: Tensor | undefined;
    if (needed[0]) {
      dX = new Tensor(backend, x.shape, { type: x.type, label: "d_x" });
      const buffers = { d_y: dY.storage, weight: weight.storage, d_x: dX.storage };
      backend.run(conv2dBackwardInputKernel, buffers, params);
    }
    const dWeight = needed[1] ? weightGradient(x, dY, { shape: weight.shape, params }) : undefined;
    return [dX, dWeight, needed[2] ? columnSum(dY, out_channels) : undefined];
  });
}

function convParams(x: Tensor, weight: Tensor, options: ConvOptions): ConvParams {
  const { bias, stride = 1, padding = 0, paddingEnd = padding, groups = 1 } = options;
  const { batch, height, width, channels } = featureMap(x, "convolve");
  const [kernelHeight, kernelWidth, inputs, outputs] = weight.shape;
  const fits = weight.shape.length === 4 && inputs * groups === channels && outputs % groups === 0;
  if (!fits || (bias && bias.length !== outputs)) {
    throw new RangeError(
      `Cannot convolve ${x} with ${weight}${
        bias ? ` and ${bias}` : ""
      } in ${groups} groups: the weight must be ` +
        `[rows, columns, ${
          channels / groups
        }, outputs], the outputs divisible by the groups, and a bias [outputs]`,
    );
  }
  const action = `convolve ${x} with ${weight}`;
  if (!(paddingEnd < Math.min(kernelHeight, kernelWidth) || paddingEnd === padding)) {
    throw new RangeError(
      `Cannot ${action}: ${paddingEnd} rows and columns of zeros at the end, which should be fewer than the kernel's`,
    );
  }
  return {
    batch,
    in_height: height,
    in_width: width,
    in_channels: channels,
    out_height: windowPositions(height, { kernel: kernelHeight, stride, padding, paddingEnd }, action),
    out_width: windowPositions(width, { kernel: kernelWidth, stride, padding, paddingEnd }, action),
    out_channels: outputs,
    kernel_height: kernelHeight,
    kernel_width: kernelWidth,
    stride,
    padding,
    groups,
  };
}

/** d_weight; on a GPU in shares of the pixels that run at once and are added up afterwards. */
function weightGradient(
  x: Tensor,
  dY: Tensor,
  { shape, params }: { shape: readonly number[]; params: ConvParams },
): Tensor {
  const { backend } = x;
  const dWeight = new Tensor(backend, shape, { label: "d_weight" });
  const splits = backend.name === "cpu" ? 1 : convWeightSplits(params);
  const target = splits === 1 ? dWeight.storage : backend.alloc(splits * dWeight.length);
  const buffers = { x: x.storage, d_y: dY.storage, d_weight: target };
  backend.run(conv2dBackwardWeightKernel, buffers, { ...params, splits });
  if (splits > 1) {
    const sums = { partial: target, total: dWeight.storage };
    backend.run(sumPartialsKernel, sums, { length: dWeight.length, splits });
    backend.free(target);
  }
  return dWeight;
}
