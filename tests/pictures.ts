// This module is browser compatible.
/** Pictures for tests, and ways to compare them. */
import assert from "node:assert/strict";
import { PictureError } from "../lib/image/picture_error.ts";
import { type Pixels, pixelsOf } from "../lib/image/pixels.ts";

/** Smooth in places, noisy in others: the formula of make_resize_goldens.py. */
export function formulaPixels(width: number, height: number): Pixels {
  const data = Uint8Array.from(
    { length: 3 * width * height },
    (_, i) => (i * 73 + (i >> 4) * 151 ^ i >> 9) & 255,
  );
  return pixelsOf({ width, height }, data);
}

/** A smooth picture with an upper left corner of its own colour. */
export function drawing(width = 48, height = 32): Pixels {
  const { data } = pixelsOf({ width, height });
  for (let i = 0; i < width * height; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    data.set(x < 8 && y < 8 ? [250, 20, 20] : [4 * x, 6 * y, 100], 3 * i);
  }
  return { width, height, data };
}

/** Mean of the absolute differences, in levels of 0 to 255. */
export function difference(a: Pixels, b: Pixels): number {
  assert.deepEqual([a.width, a.height], [b.width, b.height]);
  return a.data.reduce((sum, value, i) => sum + Math.abs(value - b.data[i]), 0) / a.data.length;
}

/** One byte a character. */
export const latin1 = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0));
/** The parts in one piece. */
export const join = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));

/** The kind of the PictureError that a promise rejects with; anything else fails the test. */
export async function problemOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(() => undefined, (error) => error);
  if (error instanceof PictureError) return error.problem;
  throw new Error(`expected a PictureError, got ${error}`);
}
