// This module is browser compatible.
/**
 * Further programs of attention: for real GPUs, where a workgroup's invocations read side by side what one invocation
 * walks through alone on a software adapter, and with four numbers a load.
 */

import alphaBackwardVec4Wgsl from "./attention_alpha_backward_vec4.wgsl" with { type: "text" };
import alphaBackwardWgsl from "./attention_alpha_backward_workgroup.wgsl" with { type: "text" };
import contextVec4Wgsl from "./attention_context_vec4.wgsl" with { type: "text" };
import scoresBackwardVec4Wgsl from "./attention_scores_backward_vec4.wgsl" with { type: "text" };
import scoresBackwardWgsl from "./attention_scores_backward_workgroup.wgsl" with { type: "text" };
import scoresVec4Wgsl from "./attention_scores_vec4.wgsl" with { type: "text" };
import scoresWgsl from "./attention_scores_workgroup.wgsl" with { type: "text" };
import sumBackwardVec4Wgsl from "./attention_sum_backward_vec4.wgsl" with { type: "text" };
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

const WORKGROUP = 64;

/** Whether rows of `size` numbers can be read as vec4s, from `offset` on. */
export function inFours(size: number, offset = 0): boolean {
  return (size | offset) % 4 === 0;
}

/** `attention_scores` with four of A at a time. */
export const scoresVec4: Program<"N" | "P"> = {
  name: "attention_scores_vec4",
  wgsl: scoresVec4Wgsl,
  constants: { WORKGROUP },
  workgroups: ({ N, P }) => linearGrid(N * P, WORKGROUP),
};

/** `attention_context` with four of D at a time. */
export const contextVec4: Program<"N" | "D"> = {
  name: "attention_context_vec4",
  wgsl: contextVec4Wgsl,
  constants: { WORKGROUP },
  workgroups: ({ N, D }) => linearGrid(N * D / 4, WORKGROUP),
};

/** `attention_alpha_backward` with four of D at a time. */
export const alphaBackwardVec4: Program<"B" | "P"> = {
  name: "attention_alpha_backward_vec4",
  wgsl: alphaBackwardVec4Wgsl,
  constants: { WORKGROUP },
  workgroups: ({ B, P }) => linearGrid(B * P, WORKGROUP),
};

/** `attention_scores_backward` with four of A at a time. */
export const scoresBackwardVec4: Program<"B" | "A"> = {
  name: "attention_scores_backward_vec4",
  wgsl: scoresBackwardVec4Wgsl,
  constants: { WORKGROUP },
  workgroups: ({ B, A }) => linearGrid(B * A / 4, WORKGROUP),
};

/** `attention_sum_backward` with four of A at a time. */
export const sumBackwardVec4: Program<"B" | "P" | "A"> = {
  name: "attention_sum_backward_vec4",
  wgsl: sumBackwardVec4Wgsl,
  constants: { WORKGROUP },
  workgroups: ({ B, P, A }) => linearGrid(B * P * A / 4, WORKGROUP),
};
