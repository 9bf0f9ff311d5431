// This module is browser compatible.
import { defineKernel } from "./kernel.ts";
import { mapGrid, POOL_PARAMS, WORKGROUP } from "./pool_shape.ts";
import wgsl from "./avg_pool2d.wgsl" with { type: "text" };
import backwardWgsl from "./avg_pool2d_backward.wgsl" with { type: "text" };

/** Mean of each window: x [B, ih, iw, C] → y [B, oh, ow, C]. Padding counts as zeros, in the divisor too. */
export const avgPool2dKernel = defineKernel({
  name: "avg_pool2d",
  wgsl,
  inputs: ["x"],
  outputs: ["y"],
  params: POOL_PARAMS,
  constants: { WORKGROUP },
  workgroups: (p) => mapGrid(p.out_width * p.channels, p.out_height, p.batch),
  cpu({ x, y }, p) {
    let i = 0;
    for (let b = 0; b < p.batch; b++) {
      for (let oy = 0; oy < p.out_height; oy++) {
        for (let ox = 0; ox < p.out_width; ox++) {
          for (let c = 0; c < p.channels; c++) {
            let sum = 0;
            for (let ky = 0; ky < p.kernel; ky++) {
              for (let kx = 0; kx < p.kernel; kx++) {
                const iy = oy * p.stride + ky - p.padding;
                const ix = ox * p.stride + kx - p.padding;
                if (iy < 0 || iy >= p.in_height || ix < 0 || ix >= p.in_width) continue;
                sum += x[((b * p.in_height + iy) * p.in_width + ix) * p.channels + c];
              }
            }
            y[i++] = sum / (p.kernel * p.kernel);
          }
        }
      }
    }
  },
});

/** Gradient of {@linkcode avgPool2dKernel}: each d_y is shared out evenly over its window. */
export const avgPool2dBackwardKernel = defineKernel({
  name: "avg_pool2d_backward",
  wgsl: backwardWgsl,
  inputs: ["d_y"],
  outputs: ["d_x"],
  params: POOL_PARAMS,
  constants: { WORKGROUP },
  workgroups: (p) => mapGrid(p.in_width * p.channels, p.in_height, p.batch),
  cpu({ d_y, d_x }, p) {
    d_x.fill(0);
    let i = 0;
    for (let b = 0; b < p.batch; b++) {
      for (let oy = 0; oy < p.out_height; oy++) {
        for (let ox = 0; ox < p.out_width; ox++) {
          for (let c = 0; c < p.channels; c++, i++) {
            for (let ky = 0; ky < p.kernel; ky++) {
              for (let kx = 0; kx < p.kernel; kx++) {
                const iy = oy * p.stride + ky - p.padding;
                const ix = ox * p.stride + kx - p.padding;
                if (iy < 0 || iy >= p.in_height || ix < 0 || ix >= p.in_width) continue;
                d_x[((b * p.in_height + iy) * p.in_width + ix) * p.channels + c] += d_y[i] /
                  (p.kernel * p.kernel);
              }
            }
          }
        }
      }
    }
  },
});
