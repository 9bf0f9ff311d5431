// This module is browser compatible.
/**
 * The programs of attention for real GPUs, where a workgroup's invocations read side by side what one invocation walks
 * through alone on a software adapter.
 */

import alphaBackwardWgsl from "./attention_alpha_backward_workgroup.wgsl" with { type: "text" };
import scoresBackwardWgsl from "./attention_scores_backward_workgroup.wgsl" with { type: "text" };
import scoresWgsl from "./attention_scores_workgroup.wgsl" with { type: "text" };
import { ceilDiv, linearGrid, type Program } from "./kernel.ts";

/** Positions of a row that a workgroup takes. */
const CHUNK = 16;
/** Columns of A that a workgroup of scores backwards takes. */
const COLUMNS = 64;

/** Most positions that {@linkcode scoresBackwardWorkgroup} can look at: a row's gradients lie in workgroup memory. */
export const SCORES_BACKWARD_POSITIONS = 2048;

/** `attention_scores` with neighbours along A. */
export const scoresWorkgroup: Program<"N" | "P"> = {
  name: "attention_scores_workgroup",
  wgsl: scoresWgsl,
  workgroups: ({ N, P }) => linearGrid(N * ceilDiv(P, CHUNK), 1),
};

/** `attention_alpha_backward` with neighbours along D. */
export const alphaBackwardWorkgroup: Program<"B" | "P"> = {
  name: "attention_alpha_backward_workgroup",
  wgsl: alphaBackwardWgsl,
  workgroups: ({ B, P }) => linearGrid(B * ceilDiv(P, CHUNK), 1),
};

/** `attention_scores_backward` with the positions shared out. */
export const scoresBackwardWorkgroup: Program<"B" | "A"> = {
  name: "attention_scores_backward_workgroup",
  wgsl: scoresBackwardWgsl,
  workgroups: ({ B, A }) => linearGrid(B * ceilDiv(A, COLUMNS), 1),
};
