// This module is browser compatible.
/**
 * Draws scenes of the built-in picture world: antialiased, from signed distances, so that any size of picture
 * shows the same scene.
 */

import { type Pixels, pixelsOf } from "../image/pixels.ts";
import { hash32, Random } from "../random.ts";
import { paintBackground } from "./shapes_background.ts";
import { type Colour, type Scene, type SceneObject, type Shape, STREAMS } from "./shapes.ts";

/** Red, green and blue, 0 to 255. */
export type Rgb = readonly [red: number, green: number, blue: number];

const PAINT: Readonly<Record<Colour, Rgb>> = {
  red: [222, 32, 38],
  orange: [252, 136, 20],
  yellow: [250, 224, 40],
  green: [36, 168, 66],
  blue: [36, 84, 226],
  purple: [150, 52, 190],
};

/** Each channel of an object's paint, and all of them together, may differ by this much. */
const TINT = 10;
/** Deviation of the noise on every channel. */
const NOISE = 5;
/** Width of the darker rim, as a part of the picture's side, and how dark it is. */
const RIM = 0.016;
const RIM_SHADE = 0.68;

/** Half the breadth of a ring's band, as a part of its radius. */
const BAND = 0.28;

/** Corners on the unit circle, clockwise from the top; a star's inner corners lie nearer to the centre. */
const CORNERS: Readonly<Record<Shape, readonly (readonly [x: number, y: number])[]>> = {
  ring: [],
  square: corners(4, Math.PI / 4),
  triangle: corners(3, 0),
  star: corners(10, 0).map(([x, y], i) => i % 2 ? [x * 0.46, y * 0.46] : [x, y]),
};

/**
 * The picture of a scene.
 *
 * @param scene What it shows; its seed and index also decide tints and noise.
 * @param size Side in pixels. Default 64.
 * @throws {RangeError} If `size` is not a whole positive number.
 */
export function drawScene(scene: Scene, size = 64): Pixels {
  const pixels = pixelsOf({ width: size, height: size });
  const random = new Random(scene.seed, scene.index, STREAMS.drawing);
  paintBackground(pixels, scene.background, random);
  for (const object of scene.objects) paintObject(pixels, object, tinted(PAINT[object.colour], random));
  addNoise(pixels.data, hash32(scene.seed, scene.index, STREAMS.drawing));
  return pixels;
}

function tinted(paint: Rgb, random: Random): Rgb {
  const light = TINT * (2 * random.uniform() - 1);
  const [red, green, blue] = paint.map((channel) => channel + light + TINT * (2 * random.uniform() - 1));
  return [red, green, blue];
}

function paintObject({ width, data }: Pixels, object: SceneObject, paint: Rgb): void {
  const radius = object.radius * width;
  const distance = object.shape === "ring"
    ? (x: number, y: number) => Math.abs(Math.hypot(x, y) - (1 - BAND) * radius) - BAND * radius
    : distanceToPolygon(turn(CORNERS[object.shape], object.angle, radius));
  const centreX = object.x * width;
  const centreY = object.y * width;
  const rim = Math.max(1, RIM * width);
  const first = (centre: number) => Math.max(0, Math.floor(centre - radius - 1));
  const last = (centre: number) => Math.min(width - 1, Math.ceil(centre + radius + 1));
  for (let y = first(centreY); y <= last(centreY); y++) {
    for (let x = first(centreX); x <= last(centreX); x++) {
      const d = distance(x + 0.5 - centreX, y + 0.5 - centreY); // pixels, negative inside
      const cover = clamp(0.5 - d);
      if (cover === 0) continue;
      const shade = RIM_SHADE + (1 - RIM_SHADE) * clamp(0.5 - d - rim);
      for (let channel = 0, at = 3 * (y * width + x); channel < 3; channel++, at++) {
        data[at] = byte(data[at] + cover * (shade * paint[channel] - data[at]));
      }
    }
  }
}

function corners(count: number, start: number): [x: number, y: number][] {
  return Array.from({ length: count }, (_, i) => {
    const angle = start + 2 * Math.PI * i / count;
    return [Math.sin(angle), -Math.cos(angle)];
  });
}

function turn(outline: typeof CORNERS[Shape], angle: number, radius: number): [number, number][] {
  const cos = radius * Math.cos(angle);
  const sin = radius * Math.sin(angle);
  return outline.map(([x, y]) => [x * cos - y * sin, x * sin + y * cos]);
}

/** Signed distance to a polygon: to its nearest edge, negative inside (a ray to the right crosses an odd number of edges). */
function distanceToPolygon(outline: readonly [number, number][]): (x: number, y: number) => number {
  return (x, y) => {
    let nearest = Infinity;
    let inside = false;
    let [bx, by] = outline[outline.length - 1];
    for (const [ax, ay] of outline) {
      const [ex, ey] = [bx - ax, by - ay];
      const along = clamp(((x - ax) * ex + (y - ay) * ey) / (ex * ex + ey * ey));
      nearest = Math.min(nearest, Math.hypot(x - ax - along * ex, y - ay - along * ey));
      if (ay > y !== by > y && x < ax + ex * (y - ay) / ey) inside = !inside;
      [bx, by] = [ax, ay];
    }
    return inside ? -nearest : nearest;
  };
}

/** Adds noise that is nearly Gaussian: the sum of four uniform bytes out of one random word. */
function addNoise(data: Uint8Array, seed: number): void {
  const scale = NOISE / Math.sqrt(4 * (256 * 256 - 1) / 12); // a byte's variance is (256² − 1) / 12
  let state = seed || 1;
  for (let i = 0; i < data.length; i++) {
    state ^= state << 13; // Marsaglia's xorshift, 2003
    state ^= state >>> 17;
    state ^= state << 5;
    const sum = (state & 255) + (state >>> 8 & 255) + (state >>> 16 & 255) + (state >>> 24);
    data[i] = byte(data[i] + scale * (sum - 510));
  }
}

function clamp(value: number): number {
  return value < 0 ? 0 : value > 1 ? 1 : value;
}

function byte(value: number): number {
  return value < 0 ? 0 : value > 255 ? 255 : Math.round(value);
}
