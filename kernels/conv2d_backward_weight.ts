// This module is browser compatible.
import { ceilDiv, defineKernel, linearGrid, type Program } from "./kernel.ts";
import { convPrograms } from "./conv2d_programs.ts";
import { CONV_PARAMS, type ConvParams, convShape } from "./conv2d_shape.ts";
import depthwise from "./conv2d_backward_weight_depthwise.wgsl" with { type: "text" };
import registers from "./conv2d_backward_weight_registers.wgsl" with { type: "text" };
import workgroup from "./conv2d_backward_weight_workgroup.wgsl" with { type: "text" };
import wgsl from "./conv2d_backward_weight.wgsl" with { type: "text" };

const PARAMS = { ...CONV_PARAMS, splits: "u32" } as const;

type Params = Readonly<Record<keyof typeof PARAMS, number>>;

const programs = convPrograms<Params>({
  name: "conv2d_backward_weight",
  wgsl: { registers, workgroup, depthwise },
  tile: ["ROWS", "CHANNELS4"],
  aligned: (x, y) => ({ ALIGNED_X: x, ALIGNED_Y: y }),
  product: (p) => ({
    rows: p.kernel_height * p.kernel_width * p.in_channels / p.groups,
    columns: p.out_channels / p.groups,
    times: p.groups * p.splits,
  }),
  rowTiles(p, size) { // in a row of the window, or in a tap where there are groups
    const runs = p.groups === 1 ? 1 : p.kernel_width;
    return p.kernel_height * runs * ceilDiv(p.kernel_width / runs * p.in_channels / p.groups, size);
  },
  depthwiseGrid: (p) => [ceilDiv(p.in_channels / 4, 32), p.splits, 1],
  strides: false,
});

const SHARE = 1024; // pixels: their x and d_y stay in a cache while the weight's tiles pass over them
const MIN_SHARE = 64;
const BUSY = 1 << 16; // elements that keep a GPU busy
const MAX_SCRATCH = 1 << 23; // elements of all shares together

/**
 * How many shares to split the sum over pixels into, so that a GPU has enough to do at once and its caches hold
 * what it does. The sums are also more exact for it.
 *
 * Above 1 the op gives the kernel a scratch storage of `splits` gradients and adds them up with
 * {@linkcode sumPartialsKernel}. The CPU takes 1.
 */
export function convWeightSplits(p: ConvParams): number {
  const elements = weightElements(p);
  const pixels = p.batch * p.out_height * p.out_width;
  const wanted = Math.max(ceilDiv(BUSY, elements), ceilDiv(pixels, SHARE));
  return Math.max(
    1,
    Math.min(wanted, Math.floor(pixels / MIN_SHARE), Math.floor(MAX_SCRATCH / elements), 256),
  );
}

function weightElements(p: ConvParams): number {
  return p.kernel_height * p.kernel_width * p.in_channels / p.groups * p.out_channels;
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
  params: PARAMS,
  workgroups: (p) => linearGrid(p.splits * weightElements(p), 64),
  variants: programs.variants,
  choose: (p, adapter): Program<keyof typeof PARAMS> =>
    programs.choose(p, adapter) ?? conv2dBackwardWeightKernel,
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
