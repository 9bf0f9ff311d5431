// This module is browser compatible.
/** What is broken in the twins of gradients, and which test's finite differences should notice. */

import type { Changes } from "./mutation.ts";

/** A twin's file, the tests of its op, and changes. */
export interface TwinChanges {
  readonly file: string;
  /** Test file and name of its suite. */
  readonly test: readonly [file: string, suite: string];
  readonly changes: Changes[string];
}

const MAPS = "tests/map_ops_test.ts";
const DECODERS = "tests/decoder_ops_test.ts";
const SWAPPED = [
  "((b * p.in_height + iy) * p.in_width + ix)",
  "((b * p.in_height + ix) * p.in_width + iy)",
] as const;

/** By kernel. */
export const TWIN_CHANGES: Readonly<Record<string, TwinChanges>> = {
  activation_backward: {
    file: "kernels/activation.ts",
    test: ["tests/ops_test.ts", "elementwise ops"],
    changes: [
      ["sign", "dY * y * (1 - y)", "dY * y * (1 + y)"],
      ["term", "(y, dY) => y <= 0 || y >= 6 ? 0 : dY", "(y, dY) => y <= 0 ? 0 : dY"],
    ],
  },
  adaptive_avg_pool2d_backward: {
    file: "kernels/adaptive_avg_pool2d.ts",
    test: [MAPS, "pooling"],
    changes: [
      ["sign", "+= share;", "-= share;"],
      ["index", `d_x[${SWAPPED[0]}`, `d_x[${SWAPPED[1]}`],
      ["term", "d_y[i] / ((bottom - top) * (right - left))", "d_y[i] / (bottom - top)"],
    ],
  },
  attention_alpha_backward: {
    file: "kernels/attention.ts",
    test: [DECODERS, "recurrent ops"],
    changes: [
      ["sign", "sum += d_context", "sum -= d_context"],
      ["index", "features[(b * P + p) * D + d]", "features[(p * B + b) * D + d]"],
      ["term", "d_alpha[alpha_offset + b * P + p] += sum", "d_alpha[alpha_offset + b * P + p] = sum"],
    ],
  },
  attention_coverage_backward: {
    file: "kernels/attention_coverage.ts",
    test: [DECODERS, "recurrent ops"],
    changes: [
      ["sign", "-d_residual", "d_residual"],
      ["index", "targets[Math.floor(i / P)]", "targets[i % (T * B)]"],
      ["term", "counts ? -d_residual[i % (B * P)] : 0", "-d_residual[i % (B * P)]"],
    ],
  },
  attention_scores_backward: {
    file: "kernels/attention.ts",
    test: [DECODERS, "recurrent ops"],
    changes: [
      ["sign", "(d_alpha[row + p] - inner)", "(d_alpha[row + p] + inner)"],
      ["index", "const position = (b * P + p) * A;", "const position = (p * B + b) * A;"],
      ["term", "full[a] * dScore * slope", "dScore * slope"],
    ],
  },
  attention_sum_backward: {
    file: "kernels/attention.ts",
    test: [DECODERS, "recurrent ops"],
    changes: [
      ["sign", "+= full[a] * d * slope(u)", "-= full[a] * d * slope(u)"],
      ["index", "const state = (t * B + b) * A;", "const state = (b * T + t) * A;"],
      ["term", "+= d * f(u)", "+= f(u)"],
    ],
  },
  avg_pool2d_backward: {
    file: "kernels/avg_pool2d.ts",
    test: [MAPS, "pooling"],
    changes: [
      ["sign", "+= d_y[i]", "-= d_y[i]"],
      ["index", `d_x[${SWAPPED[0]}`, `d_x[${SWAPPED[1]}`],
      ["term", "d_y[i] /\n                  (p.kernel * p.kernel)", "d_y[i] /\n                  p.kernel"],
    ],
  },
  batch_norm_backward: {
    file: "kernels/batch_norm_backward.ts",
    test: [MAPS, "batchNorm()"],
    changes: [
      ["sign", "upstream -= (sums", "upstream += (sums"],
      ["index", "sigma * sums[channels + c]", "sigma * sums[c]"],
      ["term", "(sums[c] + (x[i]", "((x[i]"],
      ["term", "let upstream = isFlat(y[i], relu)", "let upstream = y[i] <= 0 && relu"],
    ],
  },
  batch_norm_backward_sums: {
    file: "kernels/batch_norm_backward.ts",
    test: [MAPS, "batchNorm()"],
    changes: [
      ["sign", "products += upstream * (x[i] - mean[c])", "products += upstream * (x[i] + mean[c])"],
      ["index", "const upstream = isFlat(y[i]", "const upstream = isFlat(y[c]"],
      ["term", "products / Math.sqrt(variance[c] + epsilon)", "products"],
    ],
  },
  conv2d_backward_input: {
    file: "kernels/conv2d_backward_input.ts",
    test: [MAPS, "conv2d()"],
    changes: [
      ["sign", "(ix + p.padding - kx)", "(ix - p.padding + kx)"],
      ["index", "(ky * p.kernel_width + kx) * inputs", "(kx * p.kernel_width + ky) * inputs"],
      ["term", "if (!Number.isInteger(ox) ||", "if ("],
    ],
  },
  conv2d_backward_weight: {
    file: "kernels/conv2d_backward_weight.ts",
    test: [MAPS, "conv2d()"],
    changes: [
      ["sign", "ox * p.stride + kx - p.padding", "ox * p.stride + kx + p.padding"],
      ["index", "Math.floor(o / outputs) * inputs + i", "Math.floor(o / outputs) + i * p.groups"],
      ["term", "iy < 0 || iy >= p.in_height || ix < 0", "iy < 0 || iy >= p.in_height"],
    ],
  },
  cross_entropy_backward: {
    file: "kernels/cross_entropy.ts",
    test: [DECODERS, "softmax() and crossEntropy()"],
    changes: [
      ["sign", "d_logits[n * V + goal] -= ", "d_logits[n * V + goal] += "],
      ["index", "d_logits[n * V + goal] -= ", "d_logits[goal * V + n] -= "],
      ["term", "goal === ignored ? 0 : loss[1] * d_loss[0]", "loss[1] * d_loss[0]"],
    ],
  },
  embedding_backward: {
    file: "kernels/embedding.ts",
    test: [DECODERS, "embedding()"],
    changes: [
      ["sign", "+= d_y[n * E + e]", "-= d_y[n * E + e]"],
      ["index", "d_y[n * E + e]", "d_y[e * N + n]"],
      ["term", "+= d_y[n * E + e]", "= d_y[n * E + e]"],
    ],
  },
  lstm_cell_backward: {
    file: "kernels/lstm_cell.ts",
    test: [DECODERS, "recurrent ops"],
    changes: [
      ["sign", "1 - tanhC * tanhC", "1 + tanhC * tanhC"],
      ["index", "dC * cell[c_in_offset + index]", "dC * cell[c_out_offset + index]"],
      ["term", "d_c[index] + dH * o", "dH * o"],
    ],
  },
  max_pool2d_backward: {
    file: "kernels/max_pool2d.ts",
    test: [MAPS, "pooling"],
    changes: [
      ["sign", "+= d_y[i];", "-= d_y[i];"],
      ["index", "oy * p.stride + Math.floor(place[i] / p.kernel)", "oy * p.stride + place[i] % p.kernel"],
      ["term", "+= d_y[i];", "= d_y[i];"],
    ],
  },
  resize_axis_backward: {
    file: "kernels/resize_axis.ts",
    test: [MAPS, "interpolate()"],
    changes: [
      ["sign", "+= weights[k] * d_y[at]", "-= weights[k] * d_y[at]"],
      ["index", "d_x[(o * in_size + start + k) * inner + n]", "d_x[(o * in_size + k) * inner + n]"],
      ["term", "+= weights[k] * d_y[at]", "+= d_y[at]"],
    ],
  },
  sigmoid_gate_backward: {
    file: "kernels/sigmoid_gate.ts",
    test: [DECODERS, "recurrent ops"],
    changes: [
      ["sign", "gate * (1 - gate)", "gate * (1 + gate)"],
      ["term", "dGated * x[i] * gate", "dGated * gate"],
    ],
  },
  softmax_backward: {
    file: "kernels/softmax.ts",
    test: [DECODERS, "softmax() and crossEntropy()"],
    changes: [
      ["sign", "out * (d_y[at] - sum)", "out * (d_y[at] + sum)"],
      ["index", "sum += logarithm ? d_y[at]", "sum += logarithm ? d_y[i]"],
      ["term", "d_y[at] * y[y_offset + at]", "d_y[at]"],
    ],
  },
  weighted_cross_entropy_backward: {
    file: "kernels/weighted_cross_entropy.ts",
    test: ["tests/weighted_cross_entropy_test.ts", "weightedCrossEntropy()"],
    changes: [
      ["sign", "d_logits[n * V + goal] -= scale", "d_logits[n * V + goal] += scale"],
      ["index", "goal === ignored ? 0 : weights[n]", "goal === ignored ? 0 : weights[goal]"],
      ["term", "weights[n] * loss[1] * d_loss[0];\n      const [", "loss[1] * d_loss[0];\n      const ["],
    ],
  },
};
