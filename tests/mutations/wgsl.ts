// This module is browser compatible.
/** What is broken in the WGSL of gradients: a sign, an index, a term. */

import type { Changes } from "./mutation.ts";

const SUM_LOST = [
  "term",
  "sum[2u * row + 6u] = fma(vec4f(value.w), p,",
  "sum[2u * row + 6u] = fma(vec4f(value.z), p,",
] as const;

/** By file, `kernels/NAME.wgsl`. */
export const WGSL_CHANGES: Changes = {
  activation_backward: [
    ["sign", "upstream * out * (1.0 - out)", "upstream * out * (1.0 + out)"],
    ["term", "out <= 0.0 || out >= 6.0", "out <= 0.0"],
    ["term", "1.0 - out * out", "1.0 - out"],
  ],
  adaptive_avg_pool2d_backward: [
    ["sign", "sum += d_y[", "sum -= d_y["],
    [
      "index",
      "params.out_height + oy) * params.out_width + ox)",
      "params.out_height + ox) * params.out_width + oy)",
    ],
    ["term", "f32(rows * columns)", "f32(rows)"],
  ],
  attention_alpha_backward: [
    ["sign", "sum += d_context", "sum -= d_context"],
    ["index", "features[i * params.D + d]", "features[d * params.B * params.P + i]"],
    ["term", "+ i] += sum;", "+ i] = sum;"],
  ],
  attention_alpha_backward_vec4: [
    ["sign", "sum += d_context", "sum -= d_context"],
    ["index", "features[i * fours + d]", "features[d * params.B * params.P + i]"],
    ["term", "+ i] += dot(", "+ i] = dot("],
  ],
  attention_alpha_backward_workgroup: [
    ["sign", "sum += d_context", "sum -= d_context"],
    ["index", "features[at.y + d]", "features[at.x + d]"],
    ["term", "+ first + i] += total;", "+ first + i] = total;"],
  ],
  attention_coverage_backward: [
    ["sign", "-d_residual[i % step]", "d_residual[i % step]"],
    ["index", "targets[i / params.P]", "targets[i % (params.T * params.B)]"],
    ["term", "[i % step], counts)", "[i % step], true)"],
  ],
  attention_scores_backward: [
    ["sign", "d_score * (1.0 - y * y)", "d_score * (1.0 + y * y)"],
    ["index", "att1[(b * params.P + p) * params.A + a]", "att1[(p * params.B + b) * params.A + a]"],
    ["term", "(d_alpha[row + p] - inner)", "d_alpha[row + p]"],
  ],
  attention_scores_backward_vec4: [
    ["sign", "d_score * (1.0 - y * y)", "d_score * (1.0 + y * y)"],
    ["index", "att1[(b * params.P + p) * fours + a]", "att1[(p * params.B + b) * fours + a]"],
    ["term", "(d_alpha[row + p] - inner)", "d_alpha[row + p]"],
  ],
  attention_scores_backward_workgroup: [
    ["sign", "d_score[p] * (1.0 - y * y)", "d_score[p] * (1.0 + y * y)"],
    ["index", "att1[(b * params.P + p) * params.A", "att1[(p * params.B + b) * params.A"],
    ["term", "(d_alpha[row + p] - inner)", "d_alpha[row + p]"],
  ],
  attention_sum_backward: [
    ["sign", "masked += d * (1.0 - y * y)", "masked += d * (1.0 + y * y)"],
    ["index", "att2[(t * params.B + b) * params.A + a]", "att2[(b * params.T + t) * params.A + a]"],
    ["term", "weighted += d * u;", "weighted += d;"],
  ],
  attention_sum_backward_vec4: [
    ["sign", "masked += d * (1.0 - y * y)", "masked += d * (1.0 + y * y)"],
    ["index", "att2[(t * params.B + b) * fours + a]", "att2[(b * params.T + t) * fours + a]"],
    ["term", "select(vec4f(), d * u, u > vec4f())", "select(vec4f(), d, u > vec4f())"],
  ],
  avg_pool2d_backward: [
    ["sign", "sum += d_y[", "sum -= d_y["],
    [
      "index",
      "params.out_height + oy) * params.out_width + ox)",
      "params.out_height + ox) * params.out_width + oy)",
    ],
    ["term", "f32(params.kernel * params.kernel)", "f32(params.kernel)"],
  ],
  batch_norm_backward: [
    ["sign", "upstream -= (", "upstream += ("],
    ["index", "normalised * sums[params.channels + c]", "normalised * sums[c]"],
    ["term", "sums[c] + normalised * sums[params.channels + c]", "sums[c]"],
    ["term", "(params.relu == RELU6 && out >= 6.0)", "false"],
  ],
  batch_norm_backward_vec4: [
    ["sign", "upstream -= (", "upstream += ("],
    ["index", "normalised * sums[fours + c]", "normalised * sums[c]"],
    ["term", "sums[c] + normalised * sums[fours + c]", "sums[c]"],
    ["term", "out >= vec4f(6.0)", "out > vec4f(6.0)"],
  ],
  batch_norm_backward_sums: [
    ["sign", "(x[at] - centre)", "(x[at] + centre)"],
    ["index", "let out = y[at]", "let out = y[i]"],
    ["term", "products / sqrt(variance[c] + params.epsilon)", "products"],
    ["term", "(params.relu == RELU6 && out >= 6.0)", "false"],
  ],
  batch_norm_backward_sums_workgroup: [
    ["sign", "(x[at] - centre)", "(x[at] + centre)"],
    ["index", "let out = y[at]", "let out = y[i]"],
    ["term", "lane < LANES; lane++", "lane + 1u < LANES; lane++"],
    ["term", "(params.relu == RELU6 && out >= 6.0)", "false"],
  ],
  conv2d_backward_input: [
    ["sign", "iy + params.padding - ky", "iy + ky - params.padding"],
    ["index", "(ky * params.kernel_width + kx) * inputs", "(kx * params.kernel_width + ky) * inputs"],
    ["term", "ty % params.stride != 0u || tx", "tx"],
  ],
  conv2d_backward_input_depthwise: [
    ["sign", "params.in_height + params.padding - ky", "params.in_height + ky - params.padding"],
    [
      "index",
      "fma(taps[2], row[p], fma(taps[1], row[p + 1u], fma(taps[0]",
      "fma(taps[0], row[p], fma(taps[1], row[p + 1u], fma(taps[2]",
    ],
    ["term", "fma(taps[0], row[p / 2u + 1u], sum[p])", "sum[p]"],
  ],
  conv2d_backward_input_registers: [
    ["sign", "i32(padded.x) - i32(kx)", "i32(padded.x) + i32(kx)"],
    ["index", "vec4f(p.y, q.y, r.y, s.y)", "vec4f(p.y, r.y, q.y, s.y)"],
    ["term", "total = fma(vec4f(value.z), tap[8u + v], total);", ""],
  ],
  conv2d_backward_input_workgroup: [
    ["sign", "vec2i(padded) - vec2i(tap_of(step))", "vec2i(padded) + vec2i(tap_of(step))"],
    ["index", "tap.y * params.kernel_width + tap.x", "tap.x * params.kernel_width + tap.y"],
    SUM_LOST,
  ],
  conv2d_backward_weight: [
    ["sign", "tap / params.kernel_width - params.padding", "tap / params.kernel_width + params.padding"],
    ["index", "tap % params.kernel_width", "tap / params.kernel_width"],
    ["term", "iy >= params.in_height || ix", "ix"],
  ],
  conv2d_backward_weight_depthwise: [
    ["sign", "params.stride + ky - params.padding", "params.stride + ky + params.padding"],
    ["index", "add(3u * ky + 2u, at, ix + 2u", "add(3u * ky + 2u, at, ix + 1u"],
    ["term", "add_row(2u, pixel, channel4, value);", ""],
  ],
  conv2d_backward_weight_registers: [
    ["sign", "params.stride + ky - params.padding", "params.stride + ky + params.padding"],
    ["index", "add_row(4u * q + 1u, first.y, second.y)", "add_row(4u * q + 1u, first.x, second.y)"],
    ["term", "fma(vec4f(second), outputs_at[4u + v], total)", "total"],
  ],
  conv2d_backward_weight_workgroup: [
    ["sign", "tap / params.kernel_width - params.padding", "tap / params.kernel_width + params.padding"],
    ["index", "first_x + row % inputs", "first_x + inputs - 1u - row % inputs"],
    SUM_LOST,
  ],
  cross_entropy_backward: [
    ["sign", "probability - wanted", "probability + wanted"],
    ["index", "let v = i % params.V;", "let v = i / params.N;"],
    ["term", "* loss[1] * d_loss[0]", "* d_loss[0]"],
  ],
  embedding_backward: [
    ["sign", "sum[c] += d_y", "sum[c] -= d_y"],
    ["index", "d_y[m * params.E + first + c]", "d_y[(first + c) * params.N + m]"],
    ["term", "for (var m = n; m < params.N; m++)", "for (var m = n; m < n + 1u; m++)"],
  ],
  embedding_backward_workgroup: [
    ["sign", "sum += d_y", "sum -= d_y"],
    ["index", "(base + 32u * w +", "(32u * w +"],
    ["term", "atomicLoad(&earlier) != 0u", "false"],
  ],
  lstm_cell_backward: [
    ["sign", "1.0 - tanh_c * tanh_c", "1.0 + tanh_c * tanh_c"],
    ["index", "cell[params.c_in_offset + index]", "cell[params.c_out_offset + index]"],
    ["term", "d_c[index] + d_h_here * o", "d_h_here * o"],
  ],
  max_pool2d_backward: [
    ["sign", "sum += d_y", "sum -= d_y"],
    ["index", "params.kernel + px - ox * params.stride", "params.kernel + px - oy * params.stride"],
    ["term", "if (place[window] == here)", ""],
  ],
  resize_axis_backward: [
    ["sign", "sum += f32(weight)", "sum -= f32(weight)"],
    ["index", "first + u32(at) * params.inner", "first + u32(at)"],
    ["term", "f32(total_weight(at, in_size, out_size, reach))", "f32(reach)"],
  ],
  sigmoid_gate_backward: [
    ["sign", "gate * (1.0 - gate)", "gate * (1.0 + gate)"],
    ["index", "params.offset + index", "index"],
    ["term", "d_gated * x[i] * gate", "d_gated * gate"],
  ],
  softmax_backward: [
    ["sign", "out * (d_y[at] - sum)", "out * (d_y[at] + sum)"],
    ["index", "(row / params.inner) * params.size * params.inner + row % params.inner", "row * params.size"],
    ["term", "select(d_y[at] * y[params.y_offset + at], d_y[at]", "select(d_y[at], d_y[at]"],
  ],
  softmax_backward_workgroup: [
    ["sign", "out * (d_y[i] - sum)", "out * (d_y[i] + sum)"],
    ["index", "y[params.y_offset + i], d_y[i]", "y[params.y_offset + lane], d_y[i]"],
    ["term", "lane < half", "lane + 1u < half"],
  ],
  weighted_cross_entropy_backward: [
    ["sign", "probability - select", "probability + select"],
    ["index", "weights[n] * loss[1]", "weights[goal] * loss[1]"],
    ["term", "* loss[1] * d_loss[0]", "* d_loss[0]"],
  ],
  // Forwards too, but gradients are made with them.
  column_sum: [
    ["sign", "sum *= params.scale", "sum *= -params.scale"],
    ["index", "(i / params.N) % params.shares", "i % params.shares"],
    ["term", "start < params.M", "start < min(params.M, BLOCK)"],
  ],
  column_sum_workgroup: [
    ["sign", "sum *= params.scale", "sum *= -params.scale"],
    ["index", "share % params.shares + i", "share / params.shares + i"],
    ["term", "lane < LANES; lane++", "lane + 1u < LANES; lane++"],
  ],
  conv2d_sum_partials: [
    ["sign", "sum += partial", "sum -= partial"],
    ["index", "s * params.length + i", "i * params.splits + s"],
    ["term", "s < params.splits", "s + 1u < params.splits"],
  ],
};
