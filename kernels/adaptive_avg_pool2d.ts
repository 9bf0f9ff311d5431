// This module is browser compatible.
import { defineKernel } from "./kernel.ts";
import { ADAPTIVE_POOL_PARAMS, mapGrid, WORKGROUP } from "./pool_shape.ts";
import wgsl from "./adaptive_avg_pool2d.wgsl" with { type: "text" };
import backwardWgsl from "./adaptive_avg_pool2d_backward.wgsl" with { type: "text" };

/** The positions that output `i` of `m` averages over, of `n`: from start up to, not including, end. */
function range(i: number, n: number, m: number): readonly [start: number, end: number] {
  return [Math.floor(i * n / m), Math.ceil((i + 1) * n / m)];
}

/**
 * Means over a grid of windows that covers the map, whatever its size: x [B, ih, iw, C] → y [B, oh, ow, C].
 *
 * Output row i averages input rows `floor(i * ih / oh)` to `ceil((i + 1) * ih / oh) - 1`; columns alike.
 */
export const adaptiveAvgPool2dKernel = defineKernel({
  name: "adaptive_avg_pool2d",
  wgsl,
  inputs: ["x"],
  outputs: ["y"],
  params: ADAPTIVE_POOL_PARAMS,
  constants: { WORKGROUP },
  workgroups: (p) => mapGrid(p.out_width * p.channels, p.out_height, p.batch),
  cpu({ x, y }, p) {
    let i = 0;
    for (let b = 0; b < p.batch; b++) {
      for (let oy = 0; oy < p.out_height; oy++) {
        const [top, bottom] = range(oy, p.in_height, p.out_height);
        for (let ox = 0; ox < p.out_width; ox++) {
          const [left, right] = range(ox, p.in_width, p.out_width);
          for (let c = 0; c < p.channels; c++) {
            let sum = 0;
            for (let iy = top; iy < bottom; iy++) {
              for (let ix = left; ix < right; ix++) {
                sum += x[((b * p.in_height + iy) * p.in_width + ix) * p.channels + c];
              }
            }
            y[i++] = sum / ((bottom - top) * (right - left));
          }
        }
      }
    }
  },
});

/** Gradient of {@linkcode adaptiveAvgPool2dKernel}: each d_y is shared out evenly over its window. */
export const adaptiveAvgPool2dBackwardKernel = defineKernel({
  name: "adaptive_avg_pool2d_backward",
  wgsl: backwardWgsl,
  inputs: ["d_y"],
  outputs: ["d_x"],
  params: ADAPTIVE_POOL_PARAMS,
  constants: { WORKGROUP },
  workgroups: (p) => mapGrid(p.in_width * p.channels, p.in_height, p.batch),
  cpu({ d_y, d_x }, p) {
    d_x.fill(0);
    let i = 0;
    for (let b = 0; b < p.batch; b++) {
      for (let oy = 0; oy < p.out_height; oy++) {
        const [top, bottom] = range(oy, p.in_height, p.out_height);
        for (let ox = 0; ox < p.out_width; ox++) {
          const [left, right] = range(ox, p.in_width, p.out_width);
          for (let c = 0; c < p.channels; c++, i++) {
            const share = d_y[i] / ((bottom - top) * (right - left));
            for (let iy = top; iy < bottom; iy++) {
              for (let ix = left; ix < right; ix++) {
                d_x[((b * p.in_height + iy) * p.in_width + ix) * p.channels + c] += share;
              }
            }
          }
        }
      }
    }
  },
});
