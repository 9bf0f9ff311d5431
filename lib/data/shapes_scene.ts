// This module is browser compatible.
/**
 * Makes the scenes of the built-in picture world: one or two shapes, by seed.
 *
 * A scene depends on its seed and its index alone, so any one can be made without the others.
 */

import { Random } from "../random.ts";
import {
  BACKGROUNDS,
  COLOURS,
  looksLike,
  PLACES,
  type Scene,
  type SceneObject,
  type Shape,
  SHAPES,
  type Size,
  SIZES,
  STREAMS,
} from "./shapes.ts";

/** Share of scenes with one object, and with two that look alike; the rest show two different ones. */
const SINGLE_SHARE = 0.3;
const TWIN_SHARE = 0.08;

/** Radius of each size. */
const RADIUS: Readonly<Record<Size, number>> = { small: 0.13, big: 0.2 };
/** Radius relative to that, so that shapes of one size look equally large. */
const RADIUS_OF_SHAPE: Readonly<Record<Shape, number>> = {
  ring: 0.92,
  square: 1,
  triangle: 1.06,
  star: 1.08,
};
/** An outline is turned by this much at most, in radians: a square's sides stay nearly level. */
const TURN = 0.1;
/** Free border of the picture, and least gap between two objects along their axis. */
const MARGIN = 0.02;
const GAP = 0.05;
/** Two objects lie at most this far apart across their axis, relative to their distance along it. */
const SLANT = 0.35;
/** … and at most this far from the middle across it. */
const ACROSS = 0.22;
/** A single object's centre is at least this far from the picture's along its axis, and at most so far across it. */
const OFF_CENTRE = 0.24;
const NEAR_AXIS = 0.1;

/** What an object is, before it has a place. */
type Kind = Omit<SceneObject, "x" | "y">;

/**
 * The scene `index` of the world `seed`.
 *
 * @throws {RangeError} If `index` is not a whole number of 32 bits.
 */
export function makeScene(seed: number, index: number): Scene {
  if (!Number.isInteger(index) || index < 0 || index > 0xffffffff) {
    throw new RangeError(`Cannot make scene ${index}: an index is a whole number from 0 to 4294967295`);
  }
  const random = new Random(seed, index, STREAMS.scene);
  const background = random.pick(BACKGROUNDS);
  const draw = random.uniform();
  if (draw < SINGLE_SHARE) {
    return { seed, index, background, objects: [placeAlone(makeKind(random), random)] };
  }
  const horizontal = random.uniform() < 0.5;
  let first = makeKind(random);
  let second = turned(first, random);
  if (draw >= SINGLE_SHARE + TWIN_SHARE) {
    do { // until the two differ
      first = makeKind(random);
      second = makeKind(random);
    } while (looksLike(first, second));
  }
  return { seed, index, background, objects: placePair(first, second, horizontal, random) };
}

function makeKind(random: Random): Kind {
  const shape = random.pick(SHAPES);
  const size = random.pick(SIZES);
  const radius = rounded(RADIUS[size] * RADIUS_OF_SHAPE[shape] * between(random, 0.96, 1.04));
  return { colour: random.pick(COLOURS), shape, size, radius, angle: between(random, -TURN, TURN) };
}

function turned(kind: Kind, random: Random): Kind {
  return { ...kind, angle: between(random, -TURN, TURN) };
}

function placeAlone(kind: Kind, random: Random): SceneObject {
  const place = random.pick(PLACES);
  const across = between(random, 0.5 - NEAR_AXIS, 0.5 + NEAR_AXIS);
  const far = between(random, kind.radius + MARGIN, 0.5 - OFF_CENTRE);
  const along = place === "left" || place === "top" ? far : rounded(1 - far);
  return place === "left" || place === "right"
    ? { ...kind, x: along, y: across }
    : { ...kind, x: across, y: along };
}

function placePair(first: Kind, second: Kind, horizontal: boolean, random: Random): SceneObject[] {
  // Along the axis each keeps to its half of the picture; across it they may lie a little apart.
  const along = between(random, MARGIN + first.radius, 0.5 - GAP / 2 - first.radius);
  const alongSecond = rounded(1 - between(random, MARGIN + second.radius, 0.5 - GAP / 2 - second.radius));
  const across = between(random, 0.5 - ACROSS, 0.5 + ACROSS);
  const slant = rounded(across + (alongSecond - along) * between(random, -SLANT, SLANT));
  const acrossSecond = Math.min(Math.max(slant, 0.5 - ACROSS), 0.5 + ACROSS);
  const at = (kind: Kind, u: number, v: number) =>
    horizontal ? { ...kind, x: u, y: v } : { ...kind, x: v, y: u };
  return [at(first, along, across), at(second, alongSecond, acrossSecond)];
}

/** A number from `low` to `high`, with four decimals: what is saved of a scene is short and exact. */
function between(random: Random, low: number, high: number): number {
  return rounded(low + (high - low) * random.uniform());
}

function rounded(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}
