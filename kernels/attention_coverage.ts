// This module is browser compatible.
import { defineKernel, linearGrid } from "./kernel.ts";
import wgsl from "./attention_coverage.wgsl" with { type: "text" };
import backwardWgsl from "./attention_coverage_backward.wgsl" with { type: "text" };

const WORKGROUP = 64;

/** How far each position's attention over a caption is from 1; see `attention_coverage.wgsl`. */
export const attentionCoverageKernel = defineKernel({
  name: "attention_coverage",
  wgsl,
  inputs: ["alpha", "targets"],
  outputs: ["residual"],
  params: { T: "u32", B: "u32", P: "u32", ignored: "u32" },
  constants: { WORKGROUP },
  workgroups: ({ B, P }) => linearGrid(B * P, WORKGROUP),
  cpu({ alpha, targets, residual }, { T, B, P, ignored }) {
    for (let i = 0; i < B * P; i++) {
      const b = Math.floor(i / P);
      let sum = 0;
      for (let t = 0; t < T; t++) if (targets[t * B + b] !== ignored) sum += alpha[t * B * P + i];
      residual[i] = 1 - sum;
    }
  },
});

/** Gradient of {@linkcode attentionCoverageKernel}; see `attention_coverage_backward.wgsl`. */
export const attentionCoverageBackwardKernel = defineKernel({
  name: "attention_coverage_backward",
  wgsl: backwardWgsl,
  inputs: ["targets", "d_residual"],
  outputs: ["d_alpha"],
  params: { T: "u32", B: "u32", P: "u32", ignored: "u32" },
  constants: { WORKGROUP },
  workgroups: ({ T, B, P }) => linearGrid(T * B * P, WORKGROUP),
  cpu({ targets, d_residual, d_alpha }, { T, B, P, ignored }) {
    for (let i = 0; i < T * B * P; i++) {
      const counts = targets[Math.floor(i / P)] !== ignored;
      d_alpha[i] = counts ? -d_residual[i % (B * P)] : 0;
    }
  },
});
