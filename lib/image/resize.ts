// This module is browser compatible.
import { type Box, checkBox } from "./crop.ts";
import { checkSize, type Pixels, type Size } from "./pixels.ts";
import { triangleTaps } from "./triangle.ts";

/** Weights are whole numbers of 2⁻²²: 8 bits of pixel and 22 of weight leave room for a sum in 32. */
const WEIGHT_BITS = 22;
const HALF = 1 << (WEIGHT_BITS - 1);

/** Taps with whole-numbered weights. */
interface FixedTaps {
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly weights: Int32Array;
  readonly stride: number;
}

/**
 * Resizes with the triangle filter, antialiased when shrinking.
 *
 * Equal to Pillow's `Image.resize((width, height), Image.BILINEAR)` to the bit: the same fixed-point weights, rows
 * first, rounded to bytes in between.
 *
 * @param size Of the whole result.
 * @param window Part of the result to compute, in its pixels. Default: all of it.
 * @returns A new picture of the window's size.
 * @throws {RangeError} If the size is not of whole positive numbers or the window sticks out of it.
 */
export function resizeBilinear(
  pixels: Pixels,
  size: Size,
  window: Box = { left: 0, top: 0, ...size },
): Pixels {
  checkSize(size);
  checkBox(window, size);
  const { width, height } = window;
  const across = fixedTaps(pixels.width, size.width, window.left, width);
  const down = fixedTaps(pixels.height, size.height, window.top, height);
  const last = height - 1;
  const top = down.first[0];
  const rows = down.first[last] + down.count[last] - top; // what the second pass will read
  const squeezed = resizeRows(pixels, across, { top, rows });
  return { width, height, data: resizeColumns(squeezed, down, { top, rowBytes: 3 * width }) };
}

function fixedTaps(from: number, to: number, start: number, length: number): FixedTaps {
  const { first, count, weights, stride } = triangleTaps({ from, to, start, length });
  return {
    first,
    count,
    stride,
    weights: Int32Array.from(weights, (w) => Math.trunc(w * (1 << WEIGHT_BITS) + 0.5)),
  };
}

/** The first pass: each of `rows` rows from `top` on, [rows, outputs, 3]. */
function resizeRows(
  { width, data }: Pixels,
  taps: FixedTaps,
  { top, rows }: { top: number; rows: number },
): Uint8Array {
  const { first, count, weights, stride } = taps;
  const outputs = first.length;
  const result = new Uint8Array(3 * rows * outputs);
  let to = 0;
  for (let y = 0; y < rows; y++) {
    const row = 3 * width * (top + y);
    for (let x = 0; x < outputs; x++) {
      let from = row + 3 * first[x];
      const begin = x * stride;
      const end = begin + count[x];
      let red = HALF, green = HALF, blue = HALF;
      for (let k = begin; k < end; k++) {
        const weight = weights[k];
        red = red + Math.imul(weight, data[from]) | 0; // | 0 keeps it in integers: a third faster
        green = green + Math.imul(weight, data[from + 1]) | 0;
        blue = blue + Math.imul(weight, data[from + 2]) | 0;
        from = from + 3 | 0;
      }
      result[to] = red >> WEIGHT_BITS; // weights are positive and sum to 1: never above 255
      result[to + 1] = green >> WEIGHT_BITS;
      result[to + 2] = blue >> WEIGHT_BITS;
      to += 3;
    }
  }
  return result;
}

/** The second pass: the rows of the first, averaged, [outputs, rowBytes]. */
function resizeColumns(
  data: Uint8Array,
  taps: FixedTaps,
  { top, rowBytes }: { top: number; rowBytes: number },
): Uint8Array {
  const { first, count, weights, stride } = taps;
  const outputs = first.length;
  const result = new Uint8Array(outputs * rowBytes);
  for (let y = 0; y < outputs; y++) {
    const begin = y * stride;
    const end = begin + count[y];
    const source = (first[y] - top) * rowBytes;
    let to = y * rowBytes;
    for (let x = 0; x < rowBytes; x += 3) {
      let from = source + x;
      let red = HALF, green = HALF, blue = HALF;
      for (let k = begin; k < end; k++) {
        const weight = weights[k];
        red = red + Math.imul(weight, data[from]) | 0;
        green = green + Math.imul(weight, data[from + 1]) | 0;
        blue = blue + Math.imul(weight, data[from + 2]) | 0;
        from = from + rowBytes | 0;
      }
      result[to] = red >> WEIGHT_BITS;
      result[to + 1] = green >> WEIGHT_BITS;
      result[to + 2] = blue >> WEIGHT_BITS;
      to += 3;
    }
  }
  return result;
}
