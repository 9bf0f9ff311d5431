// This module is browser compatible.
import { type Pixels, pixelsOf } from "./pixels.ts";

/** EXIF's code for how the camera was held; 1 is upright, 2, 4, 5 and 7 are mirrored too. */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

/**
 * Turns a picture upright.
 *
 * @param orientation What the file says. With 5 to 8, width and height change places.
 * @returns The picture itself where it is upright already, else a new one.
 */
export function orient(pixels: Pixels, orientation: Orientation): Pixels {
  if (orientation === 1) return pixels;
  const { width, height, data } = pixels;
  // Where the result's first pixel lies in the file, and the way to its right and lower neighbours.
  const right = width - 1;
  const down = (height - 1) * width;
  const [first, dx, dy] = {
    2: [right, -1, width], // mirrored
    3: [down + right, -1, -width], // upside down
    4: [down, 1, -width],
    5: [0, width, 1],
    6: [down, -width, 1], // to be turned clockwise
    7: [down + right, -width, -1],
    8: [right, width, -1], // to be turned anticlockwise
  }[orientation];
  const turned = orientation >= 5;
  const result = pixelsOf({ width: turned ? height : width, height: turned ? width : height });
  let to = 0;
  for (let y = 0; y < result.height; y++) {
    let from = 3 * (first + y * dy);
    for (let x = 0; x < result.width; x++) {
      result.data[to++] = data[from];
      result.data[to++] = data[from + 1];
      result.data[to++] = data[from + 2];
      from += 3 * dx;
    }
  }
  return result;
}
