// This module is browser compatible.
/** Every kernel, in one list: the tests, the benches and the editors' checks walk it. */

import type { Kernel } from "./kernel.ts";
import { adamKernel, globalNormKernel, sumSquaresKernel } from "./adam.ts";
import {
  attentionAlphaBackwardKernel,
  attentionContextKernel,
  attentionScoresBackwardKernel,
  attentionScoresKernel,
  attentionSumBackwardKernel,
} from "./attention.ts";
import { attentionStepKernel } from "./attention_step.ts";
import { attentionCoverageBackwardKernel, attentionCoverageKernel } from "./attention_coverage.ts";
import { beamCandidatesKernel, beamSelectKernel } from "./beam.ts";
import { sampledInputsKernel } from "./sampled_inputs.ts";
import { sampleKernel } from "./sample.ts";
import { crossEntropyBackwardKernel, crossEntropyKernel, crossEntropyMeanKernel } from "./cross_entropy.ts";
import { weightedCrossEntropyBackwardKernel, weightedCrossEntropyKernel } from "./weighted_cross_entropy.ts";
import { embeddingBackwardKernel, embeddingKernel } from "./embedding.ts";
import { lstmCellBackwardKernel, lstmCellKernel } from "./lstm_cell.ts";
import { sigmoidGateBackwardKernel, sigmoidGateKernel } from "./sigmoid_gate.ts";
import { softmaxBackwardKernel, softmaxKernel } from "./softmax.ts";
import { conv2dKernel } from "./conv2d.ts";
import { conv2dBackwardInputKernel } from "./conv2d_backward_input.ts";
import { conv2dBackwardWeightKernel } from "./conv2d_backward_weight.ts";
import { sumPartialsKernel } from "./conv2d_sum_partials.ts";
import { matmulKernel } from "./matmul.ts";
import { activationBackwardKernel, activationKernel } from "./activation.ts";
import { binaryKernel } from "./binary.ts";
import { stridedCopyKernel } from "./strided_copy.ts";
import { columnSumKernel } from "./column_sum.ts";
import { maxPool2dBackwardKernel, maxPool2dKernel } from "./max_pool2d.ts";
import { avgPool2dBackwardKernel, avgPool2dKernel } from "./avg_pool2d.ts";
import { adaptiveAvgPool2dBackwardKernel, adaptiveAvgPool2dKernel } from "./adaptive_avg_pool2d.ts";
import { normaliseImagesKernel } from "./normalise_images.ts";
import { dropoutKernel } from "./dropout.ts";
import { resizeAxisBackwardKernel, resizeAxisKernel } from "./resize_axis.ts";
import { batchNormCombineKernel, batchNormKernel, batchNormStatisticsKernel } from "./batch_norm.ts";
import { batchNormBackwardKernel, batchNormBackwardSumsKernel } from "./batch_norm_backward.ts";
import { lossScaleKernel } from "./loss_scale.ts";
import { movingAverageKernel } from "./moving_average.ts";
import { sgdKernel } from "./sgd.ts";
import { addInPlaceKernel, copyKernel, fillKernel, scaleKernel } from "./elementwise.ts";

/** All kernels. A test fails when a `.wgsl` file of this folder belongs to none of them. */
export const KERNELS: readonly Kernel[] = [
  adamKernel,
  globalNormKernel,
  sumSquaresKernel,
  sgdKernel,
  lossScaleKernel,
  movingAverageKernel,
  attentionAlphaBackwardKernel,
  attentionContextKernel,
  attentionScoresBackwardKernel,
  attentionScoresKernel,
  attentionStepKernel,
  attentionSumBackwardKernel,
  attentionCoverageBackwardKernel,
  attentionCoverageKernel,
  beamCandidatesKernel,
  beamSelectKernel,
  sampledInputsKernel,
  sampleKernel,
  crossEntropyBackwardKernel,
  crossEntropyKernel,
  crossEntropyMeanKernel,
  weightedCrossEntropyBackwardKernel,
  weightedCrossEntropyKernel,
  embeddingBackwardKernel,
  embeddingKernel,
  lstmCellBackwardKernel,
  lstmCellKernel,
  sigmoidGateBackwardKernel,
  sigmoidGateKernel,
  softmaxBackwardKernel,
  softmaxKernel,
  conv2dKernel,
  conv2dBackwardInputKernel,
  conv2dBackwardWeightKernel,
  sumPartialsKernel,
  matmulKernel,
  addInPlaceKernel,
  copyKernel,
  fillKernel,
  activationKernel,
  activationBackwardKernel,
  binaryKernel,
  stridedCopyKernel,
  columnSumKernel,
  maxPool2dKernel,
  maxPool2dBackwardKernel,
  avgPool2dKernel,
  avgPool2dBackwardKernel,
  adaptiveAvgPool2dKernel,
  adaptiveAvgPool2dBackwardKernel,
  normaliseImagesKernel,
  dropoutKernel,
  resizeAxisKernel,
  resizeAxisBackwardKernel,
  batchNormStatisticsKernel,
  batchNormCombineKernel,
  batchNormKernel,
  batchNormBackwardSumsKernel,
  batchNormBackwardKernel,
  scaleKernel,
];
