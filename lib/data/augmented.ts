// This module is browser compatible.
/** Training pictures that change from epoch to epoch, in a way that does not depend on the order they are asked for. */

import { crop } from "../image/crop.ts";
import { orient } from "../image/orient.ts";
import type { Pixels } from "../image/pixels.ts";
import { recolour } from "../image/recolour.ts";
import { resizeBilinear } from "../image/resize.ts";
import { Random } from "../random.ts";
import type { BatchSource } from "./batches.ts";

/** How training pictures are changed. */
export interface PictureChanges {
  /** Width and height of the part that is cut out at random, in pixels; the whole picture where it is as large. */
  readonly size: number;
  /** Mirrors every second picture. */
  readonly flip: boolean;
  /** Largest change of brightness, contrast and saturation, as a share. */
  readonly colour: number;
  /** Names the random numbers. */
  readonly seed: number;
}

/** Separates these numbers from others of the same seed. */
const PURPOSE = 0xa06e;

/**
 * Changes a picture at random: what happens depends on the seed, the epoch and the caption's number alone.
 *
 * @param pixels Square, at least `size` wide.
 * @returns `size` wide.
 */
export function changePicture(
  pixels: Pixels,
  { size, flip, colour, seed }: PictureChanges,
  { epoch, caption }: { readonly epoch: number; readonly caption: number },
): Pixels {
  const random = new Random(seed, PURPOSE, epoch, caption);
  const room = pixels.width - size + 1;
  const [left, top, mirror] = [random.integer(room), random.integer(room), random.uniform()];
  const part = room > 1 ? crop(pixels, { left, top, width: size, height: size }) : pixels;
  const turned = flip && mirror < 0.5 ? orient(part, 2) : part;
  return colour > 0 ? recolour(turned, colour, () => random.uniform()) : turned;
}

/**
 * A split whose pictures are brought from the size they are packed at to another: for validation beside training on
 * random parts.
 */
export function resized<S extends BatchSource>(source: S, size: number): S {
  if (source.size === size) return source;
  const from = { width: source.size, height: source.size };
  const to = { width: size, height: size };
  const bytes = size * size * 3;
  const whole = source.size ** 2 * 3;
  const pixels = (images: ArrayLike<number>, out = new Uint8Array(images.length * bytes)): Uint8Array => {
    const packed = source.pixels(images);
    for (let i = 0; i < images.length; i++) {
      const data = packed.subarray(i * whole, (i + 1) * whole);
      out.set(resizeBilinear({ ...from, data }, to).data, i * bytes);
    }
    return out;
  };
  return { ...source, size, pixels };
}

/** A dataset whose pictures have the model's size, wherever they are packed larger. */
export function fittedTo<D extends { readonly train: BatchSource; readonly val: BatchSource }>(
  size: number,
  dataset: D,
): D {
  return { ...dataset, train: resized(dataset.train, size), val: resized(dataset.val, size) };
}
