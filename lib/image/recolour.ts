// This module is browser compatible.
import { type Pixels, pixelsOf } from "./pixels.ts";

/**
 * Changes brightness, contrast and saturation at random, after which a picture's captions are still true.
 *
 * @param amount Largest change of each, 0 to 1, as a share.
 * @param random Gives numbers in [0, 1). Three are drawn.
 * @returns A new picture.
 * @throws {RangeError} If the amount is out of its range.
 */
export function recolour(pixels: Pixels, amount: number, random: () => number): Pixels {
  if (!(amount >= 0 && amount <= 1)) {
    throw new RangeError(`Cannot change colours by ${amount}: it must be from 0 to 1`);
  }
  const { width, height, data } = pixels;
  const [brightness, contrast, saturation] = [0, 1, 2].map(() => 1 + amount * (2 * random() - 1));
  const result = pixelsOf({ width, height });
  const rounded = new Uint8ClampedArray(result.data.buffer);
  for (let i = 0; i < data.length; i += 3) {
    const gray = (data[i] + data[i + 1] + data[i + 2]) / 3;
    for (let c = i; c < i + 3; c++) {
      const coloured = gray + saturation * (data[c] - gray); // the distance from the pixel's own gray
      rounded[c] = brightness * (128 + contrast * (coloured - 128)); // and from mid-gray
    }
  }
  return result;
}
