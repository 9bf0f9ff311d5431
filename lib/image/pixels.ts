// This module is browser compatible.
/** A picture in memory. */

/** Red, green and blue of every pixel, row by row from the top left: [height, width, 3]. */
export interface Pixels {
  /** Pixels in a row. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** 3 · width · height bytes, 0 to 255. */
  readonly data: Uint8Array;
}

/** A width and a height, in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/**
 * Pairs bytes with a size.
 *
 * @param size Width and height, whole numbers of at least 1.
 * @param data [height, width, 3]. Default: a black picture.
 * @throws {RangeError} If the size is not of whole positive numbers, or does not match the data.
 */
export function pixelsOf({ width, height }: Size, data?: Uint8Array): Pixels {
  checkSize({ width, height });
  const length = 3 * width * height;
  if (data && data.length !== length) {
    throw new RangeError(
      `Cannot make a picture of ${width} × ${height} pixels: it needs ${length} bytes, got ${data.length}`,
    );
  }
  return { width, height, data: data ?? new Uint8Array(length) };
}

/** @throws {RangeError} If width or height is not a whole number of at least 1. */
export function checkSize({ width, height }: Size): void {
  if (!(Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0)) {
    throw new RangeError(
      `Cannot make a picture of ${width} × ${height} pixels: both must be whole numbers of at least 1`,
    );
  }
}
