// This module is browser compatible.
/** Every op: a shape check, kernels, and the gradient. */

export { exp, log, relu, relu6, sigmoid, tanh } from "./activation.ts";
export { adaptiveAvgPool2d, globalAvgPool } from "./adaptive_avg_pool2d.ts";
export { add, div, mul, neg, square, sub } from "./arithmetic.ts";
export {
  type AttendMemory,
  type AttendResult,
  attendSequence,
  type AttendWeights,
} from "./attend_sequence.ts";
export { attention } from "./attention.ts";
export { attentionCoverage } from "./attention_coverage.ts";
export { type BatchNorm, batchNorm, type BatchNormOptions } from "./batch_norm.ts";
export { concat } from "./concat.ts";
export { conv2d, type ConvOptions } from "./conv2d.ts";
export { crossEntropy, type CrossEntropyOptions, smoothedCrossEntropy } from "./cross_entropy.ts";
export { dropout, type DropoutOptions } from "./dropout.ts";
export { embedding } from "./embedding.ts";
export { filled, zeros } from "./filled.ts";
export { interpolate } from "./interpolate.ts";
export { linear, type LinearLayer } from "./linear.ts";
export { lstmCell, lstmSequence } from "./lstm_sequence.ts";
export type { LstmState, LstmWeights } from "./lstm_steps.ts";
export { matmul, type MatmulOptions } from "./matmul.ts";
export { normaliseImages, type NormaliseOptions } from "./normalise_images.ts";
export { avgPool2d, maxPool2d, type MaxPoolOptions, type PoolOptions } from "./pool2d.ts";
export { reshape } from "./reshape.ts";
export { scale } from "./scale.ts";
export { slice, type SliceOptions } from "./slice.ts";
export { logSoftmax, softmax } from "./softmax.ts";
export { mean, type ReduceOptions, sum } from "./sum.ts";
export { transpose } from "./transpose.ts";
export { weightedCrossEntropy, type WeightedTargets } from "./weighted_cross_entropy.ts";
