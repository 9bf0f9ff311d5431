// This module is browser compatible.
import type { Pixels, Size } from "./pixels.ts";

/** A rectangle in a picture, in pixels from its top left. */
export interface Box extends Size {
  readonly left: number;
  readonly top: number;
}

/** @throws {RangeError} If the box is empty, not in whole pixels, or sticks out of a picture of this size. */
export function checkBox({ left, top, width, height }: Box, size: Size): void {
  const whole = [left, top, width, height].every(Number.isInteger);
  const inside = left >= 0 && top >= 0 && left + width <= size.width && top + height <= size.height;
  if (!whole || !inside || width < 1 || height < 1) {
    throw new RangeError(
      `Cannot cut ${width} × ${height} pixels at (${left}, ${top}) from ${size.width} × ${size.height}: ` +
        "they must lie inside",
    );
  }
}

/**
 * Cuts a rectangle out.
 *
 * @throws {RangeError} If it sticks out.
 */
export function crop(pixels: Pixels, box: Box): Pixels {
  checkBox(box, pixels);
  const { left, top, width, height } = box;
  const data = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++) {
    const from = 3 * ((top + y) * pixels.width + left);
    data.set(pixels.data.subarray(from, from + 3 * width), 3 * y * width);
  }
  return { width, height, data };
}

/** The size with the same proportions whose shorter side is `shortSide`; the longer is rounded down, as torchvision does. */
export function shortSideSize({ width, height }: Size, shortSide: number): Size {
  return width <= height
    ? { width: shortSide, height: Math.floor(shortSide * height / width) }
    : { width: Math.floor(shortSide * width / height), height: shortSide };
}

/**
 * The middle of a picture, half pixels to even, as torchvision does.
 *
 * @throws {RangeError} If the picture is smaller than the middle wanted.
 */
export function centreBox(size: Size, { width, height }: Size): Box {
  const box = {
    left: roundToEven((size.width - width) / 2),
    top: roundToEven((size.height - height) / 2),
    width,
    height,
  };
  checkBox(box, size);
  return box;
}

function roundToEven(x: number): number {
  const nearest = Math.round(x);
  return Math.abs(x % 1) === 0.5 && nearest % 2 !== 0 ? nearest - 1 : nearest;
}
