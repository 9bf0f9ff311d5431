// This module is browser compatible.
import { defineKernel } from "./kernel.ts";
import { mapGrid, POOL_PARAMS, WORKGROUP } from "./pool_shape.ts";
import wgsl from "./max_pool2d.wgsl" with { type: "text" };
import backwardWgsl from "./max_pool2d_backward.wgsl" with { type: "text" };

/**
 * Largest value of each window: x [B, ih, iw, C] → y [B, oh, ow, C].
 *
 * `place` [B, oh, ow, C] (u32) says where in its window the maximum lies, the first of equals in row-major order:
 * `ky * kernel + kx`. Padding counts as −∞, NaN as the largest number.
 */
export const maxPool2dKernel = defineKernel({
  name: "max_pool2d",
  wgsl,
  inputs: ["x"],
  outputs: ["y", "place"],
  params: POOL_PARAMS,
  constants: { WORKGROUP },
  workgroups: (p) => mapGrid(p.out_width * p.channels, p.out_height, p.batch),
  cpu({ x, y, place }, p) {
    let i = 0;
    for (let b = 0; b < p.batch; b++) {
      for (let oy = 0; oy < p.out_height; oy++) {
        for (let ox = 0; ox < p.out_width; ox++) {
          for (let c = 0; c < p.channels; c++, i++) {
            y[i] = -Infinity;
            let found = false;
            for (let ky = 0; ky < p.kernel; ky++) {
              for (let kx = 0; kx < p.kernel; kx++) {
                const iy = oy * p.stride + ky - p.padding;
                const ix = ox * p.stride + kx - p.padding;
                if (iy < 0 || iy >= p.in_height || ix < 0 || ix >= p.in_width) continue;
                const value = x[((b * p.in_height + iy) * p.in_width + ix) * p.channels + c];
                if (found && !(value > y[i]) && !Number.isNaN(value)) continue;
                y[i] = value;
                place[i] = ky * p.kernel + kx;
                found = true;
              }
            }
          }
        }
      }
    }
  },
  fast({ x, y, place }, p, engine) {
    const addresses = [x.byteOffset, y.byteOffset, place.byteOffset];
    engine.loop("max_pool2d", p.batch * p.out_height, [...addresses, ...sizesOf(p)]);
  },
});

/** Gradient of {@linkcode maxPool2dKernel}: each d_y goes to the place of its window's maximum. */
export const maxPool2dBackwardKernel = defineKernel({
  name: "max_pool2d_backward",
  wgsl: backwardWgsl,
  inputs: ["place", "d_y"],
  outputs: ["d_x"],
  params: POOL_PARAMS,
  constants: { WORKGROUP },
  workgroups: (p) => mapGrid(p.in_width * p.channels, p.in_height, p.batch),
  cpu({ place, d_y, d_x }, p) {
    d_x.fill(0);
    let i = 0;
    for (let b = 0; b < p.batch; b++) {
      for (let oy = 0; oy < p.out_height; oy++) {
        for (let ox = 0; ox < p.out_width; ox++) {
          for (let c = 0; c < p.channels; c++, i++) {
            const iy = oy * p.stride + Math.floor(place[i] / p.kernel) - p.padding;
            const ix = ox * p.stride + place[i] % p.kernel - p.padding;
            d_x[((b * p.in_height + iy) * p.in_width + ix) * p.channels + c] += d_y[i];
          }
        }
      }
    }
  },
  fast({ place, d_y, d_x }, p, engine) {
    const addresses = [place.byteOffset, d_y.byteOffset, d_x.byteOffset];
    engine.loop("max_pool2d_backward", p.batch, [...addresses, ...sizesOf(p)]);
  },
});

/** What the engine's loops take behind the addresses. */
function sizesOf(p: Readonly<Record<keyof typeof POOL_PARAMS, number>>): number[] {
  return [p.in_height, p.in_width, p.out_height, p.out_width, p.channels, p.kernel, p.stride, p.padding];
}
