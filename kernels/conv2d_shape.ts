// This module is browser compatible.
/** The parameters that the convolution and its two gradients share. */

import type { ConvShape } from "./gemm/engine.ts";

/** First fields of `Params` in every `conv2d*.wgsl`. */
export const CONV_PARAMS = {
  batch: "u32",
  in_height: "u32",
  in_width: "u32",
  in_channels: "u32",
  out_height: "u32",
  out_width: "u32",
  out_channels: "u32",
  kernel_height: "u32",
  kernel_width: "u32",
  stride: "u32",
  padding: "u32",
  groups: "u32",
} as const;

/** Values of {@linkcode CONV_PARAMS}. */
export type ConvParams = Readonly<Record<keyof typeof CONV_PARAMS, number>>;

/** The same shape in the words of the CPU's engine. */
export function convShape(p: ConvParams): ConvShape {
  return {
    batch: p.batch,
    inHeight: p.in_height,
    inWidth: p.in_width,
    inChannels: p.in_channels,
    outHeight: p.out_height,
    outWidth: p.out_width,
    outChannels: p.out_channels,
    kernelHeight: p.kernel_height,
    kernelWidth: p.kernel_width,
    stride: p.stride,
    padding: p.padding,
    groups: p.groups,
  };
}
