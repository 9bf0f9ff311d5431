// This module is browser compatible.
import { defineKernel, linearGrid } from "./kernel.ts";
import wgsl from "./normalise_images.wgsl" with { type: "text" };

const WORKGROUP = 64;

/**
 * `y = (x / 255 − mean) / std` per channel, for pictures [B, h, w, 3] of bytes packed into u32 words.
 *
 * Byte i of the pictures is `pixels[i / 4] >> (i % 4 * 8)`: bytes in memory order on every machine with little-endian
 * words, that is, on all that run this. y [B, h, w, 3] has `count` elements.
 */
export const normaliseImagesKernel = defineKernel({
  name: "normalise_images",
  wgsl,
  inputs: ["pixels"],
  outputs: ["y"],
  params: {
    count: "u32",
    mean_0: "f32",
    mean_1: "f32",
    mean_2: "f32",
    std_0: "f32",
    std_1: "f32",
    std_2: "f32",
  },
  constants: { WORKGROUP },
  workgroups: ({ count }) => linearGrid(count, WORKGROUP),
  cpu({ pixels, y }, p) {
    const mean = [p.mean_0, p.mean_1, p.mean_2];
    const std = [p.std_0, p.std_1, p.std_2];
    for (let i = 0; i < p.count; i++) {
      const byte = (pixels[Math.floor(i / 4)] >>> (i % 4 * 8)) & 255;
      y[i] = (byte / 255 - mean[i % 3]) / std[i % 3];
    }
  },
  fast({ pixels, y }, p) {
    const bytes = new Uint8Array(pixels.buffer, pixels.byteOffset, p.count);
    const table = valuesOfBytes(p); // 768 divisions instead of two a number
    for (let i = 0; i < p.count; i += 3) {
      y[i] = table[bytes[i]];
      y[i + 1] = table[256 + bytes[i + 1]];
      y[i + 2] = table[512 + bytes[i + 2]];
    }
  },
});

/** Every byte's value in every channel [3, 256], rounded to f32 after each step. */
function valuesOfBytes(p: Readonly<Record<string, number>>): Float32Array {
  const table = new Float32Array(768);
  for (let c = 0; c < 3; c++) {
    const mean = Math.fround(p[`mean_${c}`]);
    const std = Math.fround(p[`std_${c}`]);
    for (let byte = 0; byte < 256; byte++) {
      table[c * 256 + byte] = Math.fround(Math.fround(byte / 255) - mean) / std;
    }
  }
  return table;
}
