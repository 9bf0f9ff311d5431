// This module is browser compatible.
/** What the pooling kernels share. */

import { ceilDiv, type Grid } from "./kernel.ts";

/** Invocations in a workgroup, along a row's columns and channels. */
export const WORKGROUP = 64;

/** A grid over a feature map: x walks the columns and channels of a row, y the rows, z the pictures. */
export function mapGrid(rowLength: number, rows: number, batch: number): Grid {
  return [ceilDiv(rowLength, WORKGROUP), rows, batch];
}

/** Fields of `Params` in `max_pool2d*.wgsl` and `avg_pool2d*.wgsl`; the window is square. */
export const POOL_PARAMS = {
  batch: "u32",
  in_height: "u32",
  in_width: "u32",
  channels: "u32",
  out_height: "u32",
  out_width: "u32",
  kernel: "u32",
  stride: "u32",
  padding: "u32",
} as const;

/** Fields of `Params` in `adaptive_avg_pool2d*.wgsl`. */
export const ADAPTIVE_POOL_PARAMS = {
  batch: "u32",
  in_height: "u32",
  in_width: "u32",
  channels: "u32",
  out_height: "u32",
  out_width: "u32",
} as const;
