// This module is browser compatible.
/** Backgrounds of the built-in picture world: two quiet greyish tones, plain or in a pattern. */

import type { Pixels } from "../image/pixels.ts";
import type { Random } from "../random.ts";
import type { Background } from "./shapes.ts";

/** Share of the second tone at a point; x and y are fractions of the picture's side. */
type Pattern = (x: number, y: number) => number;

/** Range of a tone's brightness, and how far a channel may be from it: dull, so that objects stand out. */
const DARKEST = 120;
const LIGHTEST = 225;
const DULL = 14;
/** Difference in brightness of the two tones. */
const CONTRAST = { least: 16, most: 32 };

/** Fills a picture with a background. */
export function paintBackground(
  { width, height, data }: Pixels,
  background: Background,
  random: Random,
): void {
  const bright = DARKEST + (LIGHTEST - DARKEST) * random.uniform();
  const contrast = CONTRAST.least + (CONTRAST.most - CONTRAST.least) * random.uniform();
  const other = bright > (DARKEST + LIGHTEST) / 2 ? bright - contrast : bright + contrast;
  const hue = [0, 1, 2].map(() => DULL * (2 * random.uniform() - 1));
  const pattern = PATTERNS[background](random);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const tone = bright + (other - bright) * pattern((x + 0.5) / width, (y + 0.5) / height);
      for (let channel = 0; channel < 3; channel++) data[at++] = Math.round(tone + hue[channel]);
    }
  }
}

const PATTERNS: Readonly<Record<Background, (random: Random) => Pattern>> = {
  plain: () => () => 0,
  gradient(random) {
    const angle = 2 * Math.PI * random.uniform();
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    return (x, y) => 0.5 + (x - 0.5) * cos + (y - 0.5) * sin;
  },
  stripes(random) {
    const wave = waveOf(random);
    const [cos, sin] = random.pick([[1, 0], [0, 1], [Math.SQRT1_2, Math.SQRT1_2], [
      Math.SQRT1_2,
      -Math.SQRT1_2,
    ]]);
    return (x, y) => soft(wave(x * cos + y * sin));
  },
  checks(random) {
    const [across, down] = [waveOf(random), waveOf(random)];
    return (x, y) => soft(across(x) * down(y));
  },
  dots(random) {
    const wave = waveOf(random);
    return (x, y) => soft(wave(x) + wave(y) - 0.8);
  },
};

/** A sine with three to five periods across the picture and a random phase. */
function waveOf(random: Random): (x: number) => number {
  const frequency = 2 * Math.PI * (3 + 2 * random.uniform());
  const phase = 2 * Math.PI * random.uniform();
  return (x) => Math.sin(frequency * x + phase);
}

/** 0 below, 1 above, with a soft edge about a pixel wide at 64 pixels. */
function soft(value: number): number {
  return Math.min(1, Math.max(0, 0.5 + 2 * value));
}
