// This module is browser compatible.
/** The parameters that pooling kernels with a window share. */

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
