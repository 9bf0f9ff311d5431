// This module is browser compatible.
/** What is broken in the CPU's fast forms of gradients. Those that have none run their twins. */

import type { Changes } from "./mutation.ts";

const GEMM = "kernels/gemm";

/** By kernel: the file, and its changes. */
export const FAST_CHANGES: Readonly<Record<string, readonly [file: string, changes: Changes[string]]>> = {
  activation_backward: [`${GEMM}/loops_elementwise.ts`, [
    ["sign", "dY.mul(F32x4.of(1).sub(y.mul(y)))", "dY.mul(F32x4.of(1).add(y.mul(y)))"],
    ["term", "y.le(0).or(y.ge(6))", "y.le(0)"],
  ]],
  attention_alpha_backward: ["kernels/attention.ts", [
    ["term", "beta: 1,", "beta: 0,"],
  ]],
  attention_scores_backward: [`${GEMM}/loops_recurrent.ts`, [
    ["sign", "d.loadSplat().sub(mean)", "d.loadSplat().add(mean)"],
    ["term", "store(to, sum.mul(load(factor)))", "store(to, sum)"],
  ]],
  attention_sum_backward: [`${GEMM}/loops_recurrent.ts`, [
    ["index", "att2.add(position.div(positions).mul(bytes))", "att2.add(position.rem(positions).mul(bytes))"],
    ["term", "store(dAt, sum.mul(load(weight)))", "store(dAt, sum)"],
  ]],
  batch_norm_backward: [`${GEMM}/loops_norm.ts`, [
    ["sign", ".sub(load(slope).mul(centred))", ".add(load(slope).mul(centred))"],
    ["term", ".sub(load(shift)).sub", ".sub"],
    ["term", "out.le(0).or(out.ge(top))", "out.le(0)"],
  ]],
  batch_norm_backward_sums: [`${GEMM}/loops_norm.ts`, [
    ["sign", "f.madd(g, centred, sums[1])", "sums[1].sub(g.mul(centred))"],
    ["term", "product.div(sigma)", "product"],
  ]],
  conv2d_backward_input: [`${GEMM}/conv.ts`, [
    ["sign", "originY: rowTaps.origin", "originY: -rowTaps.origin"],
    ["index", "b: weight, c: dX, M, N, K, transposeB: true", "b: weight, c: dX, M, N, K, transposeB: false"],
    ["term", "weightTapX: -s.stride * tapX", "weightTapX: -tapX"],
  ]],
  "conv2d_backward_input, depthwise": [`${GEMM}/depthwise_jobs.ts`, [
    ["sign", "f.step(ox, -1)", "f.step(ox, 1)"],
    ["term", "f.step(oy, -1)", "f.step(oy, 0)"],
  ]],
  conv2d_backward_weight: [`${GEMM}/conv_weight.ts`, [
    ["sign", "originX: -s.padding", "originX: s.padding"],
    ["index", "N, K, transposeA: true", "N, K, transposeA: false"],
    ["term", "step: s.stride", "step: 1"],
  ]],
  "conv2d_backward_weight, depthwise": [`${GEMM}/depthwise_jobs.ts`, [
    ["sign", "f.i32(kx.sub(g.padding))", "f.i32(kx.add(g.padding))"],
    ["term", ", () => f.step(dY, g.outWidth.mul(pixel))", ""],
  ]],
  cross_entropy_backward: [`${GEMM}/loops_rows.ts`, [
    ["sign", "at.loadF32().sub(peak)", "at.loadF32().add(peak)"],
    ["term", ".mul(scale).sub(spread)", ".mul(scale)"],
  ]],
  lstm_cell_backward: [`${GEMM}/loops_recurrent.ts`, [
    ["sign", "one.sub(squashed.mul(squashed))", "one.add(squashed.mul(squashed))"],
    ["index", "ofState.mul(load(before))", "ofState.mul(load(after))"],
    ["term", "ofState.mul(value).mul(input).mul(one.sub(input))", "ofState.mul(value).mul(input)"],
  ]],
  max_pool2d_backward: [`${GEMM}/loops_pool.ts`, [
    ["sign", "load(at).add(gradient.and(here))", "load(at).sub(gradient.and(here))"],
    ["index", "oy.mul(stride).sub(padding)", "oy.mul(stride).add(padding)"],
    ["term", "load(at).add(gradient.and(here))", "gradient.and(here)"],
  ]],
  sigmoid_gate_backward: [`${GEMM}/loops_elementwise.ts`, [
    [
      "sign",
      "passed.mul(load(x)).mul(F32x4.of(1).sub(gate))",
      "passed.mul(load(x)).mul(F32x4.of(1).add(gate))",
    ],
    ["term", "passed.mul(load(x)).mul(F32x4.of(1).sub(gate))", "passed.mul(F32x4.of(1).sub(gate))"],
  ]],
  softmax_backward: [`${GEMM}/loops_rows.ts`, [
    ["sign", "load(at).mul(load(d).sub(all))", "load(at).mul(load(d).add(all))"],
    ["term", "f.madd(load(at), load(d), sum)", "sum.add(load(d))"],
  ]],
  weighted_cross_entropy_backward: ["kernels/weighted_cross_entropy.ts", [
    ["index", "const factor = weights[n]", "const factor = weights[0]"],
    ["term", "const factor = weights[n] * loss[1]", "const factor = weights[n]"],
  ]],
};
