// This module is browser compatible.
import { defineKernel, linearGrid, type Program } from "./kernel.ts";
import { convPrograms, stripGrid } from "./conv2d_programs.ts";
import { CONV_PARAMS, convShape } from "./conv2d_shape.ts";
import { rectified } from "./relu.ts";
import depthwise from "./conv2d_depthwise.wgsl" with { type: "text" };
import registers from "./conv2d_registers.wgsl" with { type: "text" };
import workgroup from "./conv2d_workgroup.wgsl" with { type: "text" };
import wgsl from "./conv2d.wgsl" with { type: "text" };

const PARAMS = { ...CONV_PARAMS, use_bias: "u32", relu: "u32" } as const;

type Params = Readonly<Record<keyof typeof PARAMS, number>>;

const programs = convPrograms<Params>({
  name: "conv2d",
  wgsl: { registers, workgroup, depthwise },
  tile: ["PIXELS", "CHANNELS4"],
  aligned: (x, y) => ({ ALIGNED_X: x, ALIGNED_Y: y }),
  product: (p) => ({
    rows: p.batch * p.out_height * p.out_width,
    columns: p.out_channels / p.groups,
    times: p.groups,
  }),
  depthwiseGrid: (p) => stripGrid(p.batch * p.out_height, p.out_width, p.out_channels),
  strides: true,
});

/**
 * `y = x ⋆ weight (+ bias)`, then what `relu` says: `RELUS` of relu.ts.
 *
 * x [B, ih, iw, Cin], weight [kh, kw, Cin / groups, Cout], bias [Cout], y [B, oh, ow, Cout]. With `use_bias` 0
 * nothing of bias is read: bind any input, such as weight.
 */
export const conv2dKernel = defineKernel({
  name: "conv2d",
  wgsl,
  inputs: ["x", "weight", "bias"],
  outputs: ["y"],
  params: PARAMS,
  workgroups: (p) => linearGrid(p.batch * p.out_height * p.out_width * p.out_channels, 64),
  variants: programs.variants,
  choose: (p, adapter): Program<keyof typeof PARAMS> => programs.choose(p, adapter) ?? conv2dKernel,
  cpu({ x, weight, bias, y }, p) {
    const inputs = p.in_channels / p.groups; // of one group
    const outputs = p.out_channels / p.groups;
    let at = 0;
    for (let n = 0; n < p.batch; n++) {
      for (let oy = 0; oy < p.out_height; oy++) {
        for (let ox = 0; ox < p.out_width; ox++) {
          for (let o = 0; o < p.out_channels; o++) {
            const first = Math.floor(o / outputs) * inputs; // the group's first input channel
            let sum = p.use_bias ? bias[o] : 0;
            for (let ky = 0; ky < p.kernel_height; ky++) {
              for (let kx = 0; kx < p.kernel_width; kx++) {
                const iy = oy * p.stride + ky - p.padding;
                const ix = ox * p.stride + kx - p.padding;
                if (iy < 0 || iy >= p.in_height || ix < 0 || ix >= p.in_width) continue;
                for (let i = 0; i < inputs; i++) {
                  sum += x[((n * p.in_height + iy) * p.in_width + ix) * p.in_channels + first + i] *
                    weight[((ky * p.kernel_width + kx) * inputs + i) * p.out_channels + o];
                }
              }
            }
            y[at++] = rectified(sum, p.relu);
          }
        }
      }
    }
  },
  fast({ x, weight, bias, y }, p, engine) {
    const buffers = { x, weight, y, bias: p.use_bias === 1 ? bias : undefined };
    engine.conv2d(buffers, convShape(p), { relu: p.relu });
  },
});
