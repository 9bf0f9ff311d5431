// This module is browser compatible.
/** Changes to a training picture after which its captions are still true, so that it serves more than once. */
import { orient } from "./orient.ts";
import { type Pixels, pixelsOf } from "./pixels.ts";
import { resizeBilinear } from "./resize.ts";
import { crop } from "./crop.ts";

/** How much a picture may be changed. */
export interface Augmentation {
  /** Smallest share of each side that a random crop keeps, above 0 and up to 1. Default 1: no crop. */
  readonly keep?: number;
  /** Mirrors every second picture. Not for captions that say "left". Default false. */
  readonly flip?: boolean;
  /** Largest change of brightness, contrast and saturation, 0 to 1, as a share. Default 0. */
  readonly colour?: number;
}

/**
 * Crops, mirrors and recolours at random.
 *
 * @param pixels Of any size; the result has the same.
 * @param random Gives numbers in [0, 1). Seven are drawn whatever the options, so that one more changes no other.
 * @throws {RangeError} If `keep` or `colour` is out of its range.
 */
export function augment(pixels: Pixels, options: Augmentation, random: () => number): Pixels {
  const { keep = 1, flip = false, colour = 0 } = options;
  if (!(keep > 0 && keep <= 1 && colour >= 0 && colour <= 1)) {
    throw new RangeError(
      `Cannot augment with keep ${keep} and colour ${colour}: keep must be above 0 and at most 1, colour 0 to 1`,
    );
  }
  const [size, across, down, mirror, ...factors] = Array.from({ length: 7 }, random);
  let result = keep < 1 ? zoom(pixels, keep + (1 - keep) * size, [across, down]) : pixels;
  if (flip && mirror < 0.5) result = orient(result, 2);
  if (colour > 0) result = recolour(result, factors.map((factor) => 1 + colour * (2 * factor - 1)));
  return result;
}

/** Enlarges a part: `share` of each side, at `across` and `down` of the way. */
function zoom(pixels: Pixels, share: number, [across, down]: [number, number]): Pixels {
  const width = Math.max(1, Math.round(share * pixels.width));
  const height = Math.max(1, Math.round(share * pixels.height));
  const left = Math.floor(across * (pixels.width - width + 1));
  const top = Math.floor(down * (pixels.height - height + 1));
  return resizeBilinear(crop(pixels, { left, top, width, height }), pixels);
}

/** Scales brightness, the distance from mid-gray, and the distance from each pixel's own gray. */
function recolour({ width, height, data }: Pixels, [brightness, contrast, saturation]: number[]): Pixels {
  const result = pixelsOf({ width, height });
  const rounded = new Uint8ClampedArray(result.data.buffer);
  for (let i = 0; i < data.length; i += 3) {
    const gray = (data[i] + data[i + 1] + data[i + 2]) / 3;
    for (let c = i; c < i + 3; c++) {
      const coloured = gray + saturation * (data[c] - gray);
      rounded[c] = brightness * (128 + contrast * (coloured - 128));
    }
  }
  return result;
}
