// This module is browser compatible.
import { defineKernel, type NumberArray } from "./kernel.ts";
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
  fast({ x, y, place }, p) {
    const { channels: C } = p;
    const [input, output] = [withBits(x), withBits(y)];
    let first = 0; // of the window's C results
    for (let b = 0; b < p.batch; b++) {
      for (let oy = 0; oy < p.out_height; oy++) {
        for (let ox = 0; ox < p.out_width; ox++, first += C) {
          let found = false;
          for (let ky = 0; ky < p.kernel; ky++) {
            const iy = oy * p.stride + ky - p.padding;
            if (iy < 0 || iy >= p.in_height) continue;
            for (let kx = 0; kx < p.kernel; kx++) {
              const ix = ox * p.stride + kx - p.padding;
              if (ix < 0 || ix >= p.in_width) continue;
              const from = ((b * p.in_height + iy) * p.in_width + ix) * C;
              const here = ky * p.kernel + kx;
              if (!found) {
                y.set(x.subarray(from, from + C), first);
                place.fill(here, first, first + C);
              } else takeLarger(input, output, place, { from, first, here, C });
              found = true;
            }
          }
        }
      }
    }
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
});

/** A map as numbers and as their bits. */
interface Bits {
  readonly numbers: NumberArray;
  readonly bits: Int32Array;
}

function withBits(numbers: NumberArray): Bits {
  return { numbers, bits: new Int32Array(numbers.buffer, numbers.byteOffset, numbers.length) };
}

/**
 * Where C numbers of x, `from` on, are larger than those of y, `first` on, they and the place `here` come instead.
 *
 * Without branches: which number is larger cannot be predicted, and wrong guesses cost more than the rest.
 */
function takeLarger(
  x: Bits,
  y: Bits,
  place: NumberArray,
  { from, first, here, C }: { from: number; first: number; here: number; C: number },
): void {
  for (let c = 0; c < C; c++) {
    const value = x.numbers[from + c];
    const at = first + c;
    const larger = -(Number(value > y.numbers[at]) | Number(value !== value)); // all bits, or none; NaN is largest
    y.bits[at] = (y.bits[at] & ~larger) | (x.bits[from + c] & larger);
    place[at] = (place[at] & ~larger) | (here & larger);
  }
}
