// This module is browser compatible.
/** The pointwise half of an LSTM step; the products that fill `gates` are matmul's. */

import { address } from "./address.ts";
import { defineKernel, linearGrid } from "./kernel.ts";
import wgsl from "./lstm_cell.wgsl" with { type: "text" };
import backwardWgsl from "./lstm_cell_backward.wgsl" with { type: "text" };

const WORKGROUP = 64;

const PARAMS = {
  B: "u32",
  H: "u32",
  gates_offset: "u32",
  c_in_offset: "u32",
  c_out_offset: "u32",
  h_offset: "u32",
} as const;

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** New state from the gates' sums; see `lstm_cell.wgsl`. */
export const lstmCellKernel = defineKernel({
  name: "lstm_cell",
  wgsl,
  inputs: [],
  outputs: ["gates", "cell", "h"],
  params: PARAMS,
  constants: { WORKGROUP },
  workgroups: ({ B, H }) => linearGrid(B * H, WORKGROUP),
  cpu({ gates, cell, h }, { B, H, gates_offset, c_in_offset, c_out_offset, h_offset }) {
    for (let b = 0; b < B; b++) {
      for (let j = 0; j < H; j++) {
        const at = gates_offset + b * 4 * H + j;
        const i = sigmoid(gates[at]);
        const f = sigmoid(gates[at + H]);
        const g = Math.tanh(gates[at + 2 * H]);
        const o = sigmoid(gates[at + 3 * H]);
        gates[at] = i;
        gates[at + H] = f;
        gates[at + 2 * H] = g;
        gates[at + 3 * H] = o;
        const c = f * cell[c_in_offset + b * H + j] + i * g;
        cell[c_out_offset + b * H + j] = c;
        h[h_offset + b * H + j] = o * Math.tanh(c);
      }
    }
  },
  fast({ gates, cell, h }, { B, H, gates_offset, c_in_offset, c_out_offset, h_offset }, engine) {
    const state = [address(cell, c_in_offset), address(cell, c_out_offset), address(h, h_offset)];
    engine.loop("lstm_cell", B, [address(gates, gates_offset), ...state, H]);
  },
});

/** Gradient of {@linkcode lstmCellKernel}; see `lstm_cell_backward.wgsl`. */
export const lstmCellBackwardKernel = defineKernel({
  name: "lstm_cell_backward",
  wgsl: backwardWgsl,
  inputs: ["cell", "d_h"],
  outputs: ["gates", "d_c"],
  params: PARAMS,
  constants: { WORKGROUP },
  workgroups: ({ B, H }) => linearGrid(B * H, WORKGROUP),
  cpu({ cell, d_h, gates, d_c }, { B, H, gates_offset, c_in_offset, c_out_offset, h_offset }) {
    for (let b = 0; b < B; b++) {
      for (let j = 0; j < H; j++) {
        const index = b * H + j;
        const at = gates_offset + b * 4 * H + j;
        const i = gates[at];
        const f = gates[at + H];
        const g = gates[at + 2 * H];
        const o = gates[at + 3 * H];
        const tanhC = Math.tanh(cell[c_out_offset + index]);
        const dH = d_h[h_offset + index];
        const dC = d_c[index] + dH * o * (1 - tanhC * tanhC);
        gates[at] = dC * g * i * (1 - i);
        gates[at + H] = dC * cell[c_in_offset + index] * f * (1 - f);
        gates[at + 2 * H] = dC * i * (1 - g * g);
        gates[at + 3 * H] = dH * tanhC * o * (1 - o);
        d_c[index] = dC * f;
      }
    }
  },
  fast({ cell, d_h, gates, d_c }, { B, H, gates_offset, c_in_offset, c_out_offset, h_offset }, engine) {
    const state = [
      address(cell, c_in_offset),
      address(cell, c_out_offset),
      address(d_h, h_offset),
      address(d_c),
    ];
    engine.loop("lstm_cell_backward", B, [address(gates, gates_offset), ...state, H]);
  },
});
