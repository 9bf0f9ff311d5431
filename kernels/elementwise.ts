// This module is browser compatible.
/** The simplest kernels: accumulate, scale, copy and fill. */

import { defineKernel, linearGrid } from "./kernel.ts";
import addInPlaceWgsl from "./add_in_place.wgsl" with { type: "text" };
import copyWgsl from "./copy.wgsl" with { type: "text" };
import fillWgsl from "./fill.wgsl" with { type: "text" };
import scaleWgsl from "./scale.wgsl" with { type: "text" };

const WORKGROUP = 64;

/** `y += x`, both [count]. */
export const addInPlaceKernel = defineKernel({
  name: "add_in_place",
  wgsl: addInPlaceWgsl,
  inputs: ["x"],
  outputs: ["y"],
  inPlace: ["y"],
  params: { count: "u32" },
  constants: { WORKGROUP },
  workgroups: ({ count }) => linearGrid(count, WORKGROUP),
  cpu({ x, y }, { count }) {
    for (let i = 0; i < count; i++) y[i] += x[i];
  },
  fast({ x, y }, { count }, engine) {
    engine.loop("axpy", count, [x.byteOffset, y.byteOffset, 1]);
  },
});

/** `y = factor · x`, both [count]. */
export const scaleKernel = defineKernel({
  name: "scale",
  wgsl: scaleWgsl,
  inputs: ["x"],
  outputs: ["y"],
  params: { count: "u32", factor: "f32" },
  constants: { WORKGROUP },
  workgroups: ({ count }) => linearGrid(count, WORKGROUP),
  cpu({ x, y }, { count, factor }) {
    for (let i = 0; i < count; i++) y[i] = factor * x[i];
  },
  fast({ x, y }, { count, factor }, engine) {
    engine.loop("scale", count, [x.byteOffset, y.byteOffset, factor]);
  },
});

/** `count` elements of x from `x_offset` on, into y from `y_offset` on. */
export const copyKernel = defineKernel({
  name: "copy",
  wgsl: copyWgsl,
  inputs: ["x"],
  outputs: ["y"],
  params: { count: "u32", x_offset: "u32", y_offset: "u32" },
  constants: { WORKGROUP },
  workgroups: ({ count }) => linearGrid(count, WORKGROUP),
  cpu({ x, y }, { count, x_offset, y_offset }) {
    for (let i = 0; i < count; i++) y[y_offset + i] = x[x_offset + i];
  },
  fast({ x, y }, { count, x_offset, y_offset }) {
    y.set(x.subarray(x_offset, x_offset + count), y_offset);
  },
});

/** `y[i] = value` for the first `count` elements. */
export const fillKernel = defineKernel({
  name: "fill",
  wgsl: fillWgsl,
  inputs: [],
  outputs: ["y"],
  params: { count: "u32", value: "f32" },
  constants: { WORKGROUP },
  workgroups: ({ count }) => linearGrid(count, WORKGROUP),
  cpu({ y }, { count, value }) {
    for (let i = 0; i < count; i++) y[i] = value;
  },
  fast({ y }, { count, value }) {
    y.fill(value, 0, count);
  },
});
