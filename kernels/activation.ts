// This module is browser compatible.
import { defineKernel, linearGrid } from "./kernel.ts";
import wgsl from "./activation.wgsl" with { type: "text" };
import backwardWgsl from "./activation_backward.wgsl" with { type: "text" };

const WORKGROUP = 64;

/** Values of the parameter `activation`; the WGSL has the same constants. */
export const ACTIVATIONS = { relu: 0, relu6: 1, sigmoid: 2, tanh: 3, exp: 4, log: 5 } as const;

/** By number; the engine's loops have the same names. */
const NAMES = Object.keys(ACTIVATIONS);

/** By number, as in {@linkcode ACTIVATIONS}. NaN stays NaN in all. */
const FORWARD: readonly ((x: number) => number)[] = [
  (x) => x < 0 ? 0 : x,
  (x) => x < 0 ? 0 : x > 6 ? 6 : x,
  (x) => 1 / (1 + Math.exp(-x)),
  Math.tanh,
  Math.exp,
  Math.log,
];

/** Gradients from the output y; 0 at the corners. */
const BACKWARD: readonly ((y: number, dY: number) => number)[] = [
  (y, dY) => y <= 0 ? 0 : dY,
  (y, dY) => y <= 0 || y >= 6 ? 0 : dY,
  (y, dY) => dY * y * (1 - y),
  (y, dY) => dY * (1 - y * y),
];

/** `y = f(x)`, both [count], with f chosen by `activation`. */
export const activationKernel = defineKernel({
  name: "activation",
  wgsl,
  inputs: ["x"],
  outputs: ["y"],
  params: { count: "u32", activation: "u32" },
  constants: { WORKGROUP },
  workgroups: ({ count }) => linearGrid(count, WORKGROUP),
  cpu({ x, y }, { count, activation }) {
    const f = FORWARD[activation];
    for (let i = 0; i < count; i++) y[i] = f(x[i]);
  },
  fast({ x, y }, { count, activation }, engine): void {
    if (activation === ACTIVATIONS.log) return activationKernel.cpu({ x, y }, { count, activation });
    engine.loop(NAMES[activation], count, [x.byteOffset, y.byteOffset]);
  },
});

/** `d_x = d_y · f'(x)`, all [count], with f' from y = f(x); not for exp and log. */
export const activationBackwardKernel = defineKernel({
  name: "activation_backward",
  wgsl: backwardWgsl,
  inputs: ["y", "d_y"],
  outputs: ["d_x"],
  params: { count: "u32", activation: "u32" },
  constants: { WORKGROUP },
  workgroups: ({ count }) => linearGrid(count, WORKGROUP),
  cpu({ y, d_y, d_x }, { count, activation }) {
    const f = BACKWARD[activation];
    for (let i = 0; i < count; i++) d_x[i] = f(y[i], d_y[i]);
  },
  fast({ y, d_y, d_x }, { count, activation }, engine) {
    const addresses = [y.byteOffset, d_y.byteOffset, d_x.byteOffset];
    engine.loop(`${NAMES[activation]}_backward`, count, addresses);
  },
});
