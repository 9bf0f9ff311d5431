// This module is browser compatible.
import { address } from "./address.ts";
import { type AdapterTraits, defineKernel, linearGrid, type Program } from "./kernel.ts";
import wgsl from "./softmax.wgsl" with { type: "text" };
import backwardWgsl from "./softmax_backward.wgsl" with { type: "text" };
import backwardWorkgroupWgsl from "./softmax_backward_workgroup.wgsl" with { type: "text" };
import workgroupWgsl from "./softmax_workgroup.wgsl" with { type: "text" };

const WORKGROUP = 64;
/** Shorter rows are an invocation's on every adapter: there are many of them, and a cache line serves several loads. */
const SHORT = 32;
/** From here on a row is shared by 256 invocations, below by 64: about four loads each. */
const LONG = 768;

type RowParam = "outer" | "size" | "inner";

/** Programs with a workgroup a row: for rows that are not long, and for long ones. */
function byRow(name: string, wgsl: string): readonly Program<RowParam>[] {
  return [64, 256].map((invocations) => ({
    name: `${name}:${invocations}`,
    wgsl,
    constants: { WORKGROUP: invocations },
    workgroups: ({ outer }) => linearGrid(outer, 1),
  }));
}

const forward = byRow("softmax_workgroup", workgroupWgsl);
const backward = byRow("softmax_backward_workgroup", backwardWorkgroupWgsl);

/** Which of the two suits rows on a real GPU; none where the elements of a row are apart, or few. */
function rowProgram(
  programs: readonly Program<RowParam>[],
  { size, inner }: Readonly<Record<RowParam, number>>,
  { software }: AdapterTraits,
): Program<RowParam> | undefined {
  return software || inner !== 1 || size < SHORT ? undefined : programs[Number(size >= LONG)];
}

/** Softmax or log-softmax along the middle axis of x [outer, size, inner]; see `softmax.wgsl`. */
export const softmaxKernel = defineKernel({
  name: "softmax",
  wgsl,
  inputs: ["x"],
  outputs: ["y"],
  params: { outer: "u32", size: "u32", inner: "u32", x_offset: "u32", y_offset: "u32", logarithm: "u32" },
  constants: { WORKGROUP },
  workgroups: ({ outer, inner }) => linearGrid(outer * inner, WORKGROUP),
  variants: forward,
  choose: (params, adapter): Program<RowParam> => rowProgram(forward, params, adapter) ?? softmaxKernel,
  cpu({ x, y }, { outer, size, inner, x_offset, y_offset, logarithm }) {
    for (let row = 0; row < outer * inner; row++) {
      const first = Math.floor(row / inner) * size * inner + row % inner;
      let largest = -Infinity;
      for (let i = 0; i < size; i++) largest = Math.max(largest, x[x_offset + first + i * inner]);
      let sum = 0;
      for (let i = 0; i < size; i++) sum += Math.exp(x[x_offset + first + i * inner] - largest);
      for (let i = 0; i < size; i++) {
        const at = first + i * inner;
        const shifted = x[x_offset + at] - largest;
        y[y_offset + at] = logarithm ? shifted - Math.log(sum) : Math.exp(shifted) / sum;
      }
    }
  },
  fast(buffers, params, engine) {
    if (params.inner !== 1) return softmaxKernel.cpu(buffers, params); // only rows are hot
    const { outer, size, x_offset, y_offset, logarithm } = params;
    const addresses = [address(buffers.x, x_offset), address(buffers.y, y_offset)];
    engine.loop("softmax", outer, [...addresses, size, logarithm]);
  },
});

/** Gradient of {@linkcode softmaxKernel} from its output. */
export const softmaxBackwardKernel = defineKernel({
  name: "softmax_backward",
  wgsl: backwardWgsl,
  inputs: ["y", "d_y"],
  outputs: ["d_x"],
  params: { outer: "u32", size: "u32", inner: "u32", y_offset: "u32", logarithm: "u32" },
  constants: { WORKGROUP },
  workgroups: ({ outer, inner }) => linearGrid(outer * inner, WORKGROUP),
  variants: backward,
  choose: (params, adapter): Program<RowParam> =>
    rowProgram(backward, params, adapter) ?? softmaxBackwardKernel,
  cpu({ y, d_y, d_x }, { outer, size, inner, y_offset, logarithm }) {
    for (let row = 0; row < outer * inner; row++) {
      const first = Math.floor(row / inner) * size * inner + row % inner;
      let sum = 0;
      for (let i = 0; i < size; i++) {
        const at = first + i * inner;
        sum += logarithm ? d_y[at] : d_y[at] * y[y_offset + at];
      }
      for (let i = 0; i < size; i++) {
        const at = first + i * inner;
        const out = y[y_offset + at];
        d_x[at] = logarithm ? d_y[at] - Math.exp(out) * sum : out * (d_y[at] - sum);
      }
    }
  },
  fast(buffers, params, engine) {
    if (params.inner !== 1) return softmaxBackwardKernel.cpu(buffers, params);
    const { outer, size, y_offset, logarithm } = params;
    const addresses = [address(buffers.y, y_offset), address(buffers.d_y), address(buffers.d_x)];
    engine.loop("softmax_backward", outer, [...addresses, size, logarithm]);
  },
});
