// This module is browser compatible.
import { type Pixels, pixelsOf, type Size } from "./pixels.ts";

/**
 * Lays a picture with transparency on white, as a page would show it, and drops the fourth channel.
 *
 * @param rgba [height, width, 4], colours not yet multiplied by alpha.
 */
export function flattenOnWhite(rgba: Uint8Array | Uint8ClampedArray, size: Size): Pixels {
  const { width, height, data } = pixelsOf(size);
  for (let from = 0, to = 0; to < data.length; from += 4, to += 3) {
    const alpha = rgba[from + 3];
    if (alpha === 255) {
      data[to] = rgba[from];
      data[to + 1] = rgba[from + 1];
      data[to + 2] = rgba[from + 2];
    } else {
      for (let c = 0; c < 3; c++) data[to + c] = (rgba[from + c] * alpha + 255 * (255 - alpha)) / 255 + 0.5;
    }
  }
  return { width, height, data };
}
