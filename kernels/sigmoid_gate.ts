// This module is browser compatible.
import { address } from "./address.ts";
import { defineKernel, linearGrid } from "./kernel.ts";
import wgsl from "./sigmoid_gate.wgsl" with { type: "text" };
import backwardWgsl from "./sigmoid_gate_backward.wgsl" with { type: "text" };

const WORKGROUP = 64;

/** `gated = sigmoid(logits) * x`; see `sigmoid_gate.wgsl`. */
export const sigmoidGateKernel = defineKernel({
  name: "sigmoid_gate",
  wgsl,
  inputs: ["logits", "x"],
  outputs: ["gated"],
  params: { count: "u32", offset: "u32" },
  constants: { WORKGROUP },
  workgroups: ({ count }) => linearGrid(count, WORKGROUP),
  cpu({ logits, x, gated }, { count, offset }) {
    for (let i = offset; i < offset + count; i++) gated[i] = x[i] / (1 + Math.exp(-logits[i]));
  },
  fast({ logits, x, gated }, { count, offset }, engine) {
    engine.loop("sigmoid_gate", count, [logits, x, gated].map((array) => address(array, offset)));
  },
});

/** Gradient of {@linkcode sigmoidGateKernel}, d_gated turning into d_x in place; see `sigmoid_gate_backward.wgsl`. */
export const sigmoidGateBackwardKernel = defineKernel({
  name: "sigmoid_gate_backward",
  wgsl: backwardWgsl,
  inputs: ["logits", "x"],
  outputs: ["d_logits", "d_x"],
  params: { count: "u32", offset: "u32" },
  constants: { WORKGROUP },
  workgroups: ({ count }) => linearGrid(count, WORKGROUP),
  cpu({ logits, x, d_logits, d_x }, { count, offset }) {
    for (let i = offset; i < offset + count; i++) {
      const gate = 1 / (1 + Math.exp(-logits[i]));
      const dGated = d_x[i];
      d_logits[i] = dGated * x[i] * gate * (1 - gate);
      d_x[i] = dGated * gate;
    }
  },
  fast({ logits, x, d_logits, d_x }, { count, offset }, engine) {
    engine.loop(
      "sigmoid_gate_backward",
      count,
      [logits, x, d_logits, d_x].map((array) => address(array, offset)),
    );
  },
});
