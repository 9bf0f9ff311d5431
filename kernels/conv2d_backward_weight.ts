// This module is browser compatible.
import { ceilDiv, defineKernel } from "./kernel.ts";
import { CONV_PARAMS, type ConvParams, convShape } from "./conv2d_shape.ts";
import wgsl from "./conv2d_backward_weight.wgsl" with { type: "text" };

/**
 * How many shares to split the sum over pixels into, so that a GPU has enough to do at once.
 *
 * A weight gradient has few elements and each is a long sum. Above 1 the op gives the kernel a scratch storage
 * of `splits` gradients and adds them up with {@linkcode sumPartialsKernel}. The CPU takes 1.
 */
export function convWeightSplits(p: ConvParams): number {
  const elements = p.kernel_height * p.kernel_width * (p.in_channels / p.groups) * p.out_channels;
  const pixels = p.batch * p.out_height * p.out_width;
  const wanted = ceilDiv(1 << 16, elements); // a first guess, to be measured
  return Math.max(1, Math.min(wanted, Math.floor(pixels / 64), 256));
}

/**
 * The gradient of a convolution with respect to its weight, in `splits` partial sums.
 *
 * x [B, ih, iw, Cin], d_y [B, oh, ow, Cout], d_weight [splits, kh, kw, Cin / groups, Cout]. Share s sums the
 * output pixels from `s * ceilDiv(B · oh · ow, splits)` to the next share's first.
 */
export const conv2dBackwardWeightKernel = defineKernel({
  name: "conv2d_backward_weight",
  wgsl,
  inputs: ["x", "d_y"],
  outputs: ["d_weight"],
  params: { ...CONV_PARAMS, splits: "u32" },
  workgroups: (p) => [
    ceilDiv(p.out_channels, 8),
    ceilDiv(p.kernel_height * p.kernel_width * (p.in_channels / p.groups), 8),
    p.splits,
  ],
  cpu({ x, d_y, d_weight }, p) {
    const inputs = p.in_channels / p.groups; // of one group
    const outputs = p.out_channels / p.groups;
    const pixels = p.batch * p.out_height * p.out_width;
    const share = ceilDiv(pixels, p.splits);
    let at = 0;
    for (let s = 0; s < p.splits; s++) {
      for (let ky = 0; ky < p.kernel_height; ky++) {
        for (let kx = 0; kx < p.kernel_width; kx++) {
          for (let i = 0; i < inputs; i++) {
            for (let o = 0; o < p.out_channels; o++) {
              const channel = Math.floor(o / outputs) * inputs + i;
              let sum = 0;
              for (let pixel = s * share; pixel < Math.min(pixels, (s + 1) * share); pixel++) {
                const ox = pixel % p.out_width;
                const oy = Math.floor(pixel / p.out_width) % p.out_height;
                const n = Math.floor(pixel / (p.out_width * p.out_height));
                const iy = oy * p.stride + ky - p.padding;
                const ix = ox * p.stride + kx - p.padding;
                if (iy < 0 || iy >= p.in_height || ix < 0 || ix >= p.in_width) continue;
                sum += x[((n * p.in_height + iy) * p.in_width + ix) * p.in_channels + channel] *
                  d_y[pixel * p.out_channels + o];
              }
              d_weight[at++] = sum;
            }
          }
        }
      }
    }
  },
  fast(buffers, p, engine) {
    if (p.splits !== 1) return conv2dBackwardWeightKernel.cpu(buffers, p);
    const { x, d_y, d_weight } = buffers;
    engine.conv2dBackwardWeight({ x, dY: d_y, dWeight: d_weight }, convShape(p));
  },
});
