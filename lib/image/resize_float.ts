// This module is browser compatible.
import { checkSize, type Size } from "./pixels.ts";
import { triangleTaps } from "./triangle.ts";

/** Numbers on a grid, [height, width, channels]. */
export interface Grid extends Size {
  readonly channels: number;
  /** width · height · channels numbers. */
  readonly data: Float32Array;
}

/**
 * Resizes any map of numbers with the triangle filter, antialiased when shrinking.
 *
 * What {@linkcode resizeBilinear} is for bytes; PyTorch's `interpolate(mode="bilinear", antialias=True)`.
 *
 * @throws {RangeError} If the size is not of whole positive numbers.
 */
export function resizeBilinearFloat(grid: Grid, { width, height }: Size): Grid {
  checkSize({ width, height });
  const { channels } = grid;
  const rows = average(grid.data, [grid.height, grid.width, channels], width);
  const data = average(rows, [1, grid.height, width * channels], height);
  return { width, height, channels, data };
}

/** Averages the middle axis of [outer, axis, inner] down or up to `outputs`. */
function average(
  data: Float32Array,
  [outer, axis, inner]: [number, number, number],
  outputs: number,
): Float32Array {
  const { first, count, weights, stride } = triangleTaps({
    from: axis,
    to: outputs,
    start: 0,
    length: outputs,
  });
  const result = new Float32Array(outer * outputs * inner);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < outputs; i++) {
      for (let c = 0; c < inner; c++) {
        let sum = 0;
        for (let j = 0; j < count[i]; j++) {
          sum += weights[i * stride + j] * data[(o * axis + first[i] + j) * inner + c];
        }
        result[(o * outputs + i) * inner + c] = sum;
      }
    }
  }
  return result;
}
