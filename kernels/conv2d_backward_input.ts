// This module is browser compatible.
import { ceilDiv, defineKernel, linearGrid, type Program } from "./kernel.ts";
import { convPrograms, stripGrid } from "./conv2d_programs.ts";
import { CONV_PARAMS, type ConvParams, convShape } from "./conv2d_shape.ts";
import depthwise from "./conv2d_backward_input_depthwise.wgsl" with { type: "text" };
import registers from "./conv2d_backward_input_registers.wgsl" with { type: "text" };
import workgroup from "./conv2d_backward_input_workgroup.wgsl" with { type: "text" };
import wgsl from "./conv2d_backward_input.wgsl" with { type: "text" };

const programs = convPrograms<ConvParams>({
  name: "conv2d_backward_input",
  wgsl: { registers, workgroup, depthwise },
  tile: ["PIXELS", "CHANNELS4"],
  aligned: (_x, y) => ({ ALIGNED: y }),
  product: (p) => ({ // of each class of pixels: those whose row and column leave the same remainders
    rows: p.batch * ceilDiv(p.in_height, p.stride) * ceilDiv(p.in_width, p.stride),
    columns: p.in_channels / p.groups,
    times: p.groups * p.stride ** 2,
  }),
  depthwiseGrid: (p) => stripGrid(p.batch * p.in_height, p.in_width, p.in_channels),
  strides: true,
});

/**
 * The gradient of a convolution with respect to its input.
 *
 * d_y [B, oh, ow, Cout], weight [kh, kw, Cin / groups, Cout], d_x [B, ih, iw, Cin]. Each element of d_x gathers
 * from the outputs that it reached.
 */
export const conv2dBackwardInputKernel = defineKernel({
  name: "conv2d_backward_input",
  wgsl,
  inputs: ["d_y", "weight"],
  outputs: ["d_x"],
  params: CONV_PARAMS,
  workgroups: (p) => linearGrid(p.batch * p.in_height * p.in_width * p.in_channels, 64),
  variants: programs.variants,
  choose: (p, adapter): Program<keyof ConvParams> => programs.choose(p, adapter) ?? conv2dBackwardInputKernel,
  cpu({ d_y, weight, d_x }, p) {
    const inputs = p.in_channels / p.groups; // of one group
    const outputs = p.out_channels / p.groups;
    let at = 0;
    for (let n = 0; n < p.batch; n++) {
      for (let iy = 0; iy < p.in_height; iy++) {
        for (let ix = 0; ix < p.in_width; ix++) {
          for (let i = 0; i < p.in_channels; i++) {
            const first = Math.floor(i / inputs) * outputs; // the group's first output channel
            let sum = 0;
            for (let ky = 0; ky < p.kernel_height; ky++) {
              for (let kx = 0; kx < p.kernel_width; kx++) {
                const oy = (iy + p.padding - ky) / p.stride;
                const ox = (ix + p.padding - kx) / p.stride;
                if (!Number.isInteger(oy) || oy < 0 || oy >= p.out_height) continue;
                if (!Number.isInteger(ox) || ox < 0 || ox >= p.out_width) continue;
                for (let o = first; o < first + outputs; o++) {
                  sum += d_y[((n * p.out_height + oy) * p.out_width + ox) * p.out_channels + o] *
                    weight[((ky * p.kernel_width + kx) * inputs + i % inputs) * p.out_channels + o];
                }
              }
            }
            d_x[at++] = sum;
          }
        }
      }
    }
  },
  fast({ d_y, weight, d_x }, p, engine) {
    engine.conv2dBackwardInput({ dY: d_y, weight, dX: d_x }, convShape(p));
  },
});
