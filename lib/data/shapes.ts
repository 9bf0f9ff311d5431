// This module is browser compatible.
/**
 * The built-in picture world: scenes of one or two coloured shapes, by seed.
 *
 * A scene depends on its seed and its index alone, so any one can be made without the others. How it is drawn
 * is in `shapes_draw.ts`, what can be said of it in `shapes_captions.ts`, and whether a caption is true of it in
 * `shapes_check.ts`.
 */

import { hash32, Random } from "../random.ts";

/** Colours of objects, far apart in hue. */
export const COLOURS = ["red", "orange", "yellow", "green", "blue", "purple"] as const;
/** Outlines of objects. */
export const SHAPES = ["circle", "square", "triangle", "star"] as const;
/** Sizes of objects: a big one has about four times the area of a small one. */
export const SIZES = ["small", "big"] as const;
/** Where the first of two objects is, seen from the second. */
export const RELATIONS = ["left of", "right of", "above", "below"] as const;
/** Where a single object is in the picture. */
export const PLACES = ["left", "right", "top", "bottom", "middle"] as const;
/** What is behind the objects. */
export const BACKGROUNDS = ["plain", "gradient", "stripes", "checks", "dots"] as const;

export type Colour = typeof COLOURS[number];
export type Shape = typeof SHAPES[number];
export type Size = typeof SIZES[number];
export type Relation = typeof RELATIONS[number];
export type Place = typeof PLACES[number];
export type Background = typeof BACKGROUNDS[number];

/** One object. Lengths are fractions of the picture's side, y grows downwards. */
export interface SceneObject {
  readonly colour: Colour;
  readonly shape: Shape;
  readonly size: Size;
  /** Centre. */
  readonly x: number;
  readonly y: number;
  /** Radius of the circle around the outline. */
  readonly radius: number;
  /** Turn of the outline, in radians, clockwise. */
  readonly angle: number;
}

/** What a picture shows. */
export interface Scene {
  readonly seed: number;
  readonly index: number;
  readonly background: Background;
  /** One object, or two: the left or upper one first. */
  readonly objects: readonly SceneObject[];
}

/** What {@linkcode makeScene} takes besides seed and index. */
export interface SceneOptions {
  /**
   * Whether two different objects may show a combination (their colours, shapes and relation) that is kept
   * for held-out pictures, and then always do. Default false.
   */
  readonly heldOut?: boolean;
}

/** Names one stream of random numbers of a scene, so that no two uses share numbers. */
export const STREAMS = { scene: 1, drawing: 2, captions: 3 } as const;

/** Share of scenes with one object, and with two that look alike; the rest show two different ones. */
const SINGLE_SHARE = 0.3;
const TWIN_SHARE = 0.15;
/** One in so many combinations of two different objects is kept for held-out pictures. */
const HELD_OUT_ONE_IN = 8;

/** Radius of each size. */
const RADIUS: Readonly<Record<Size, number>> = { small: 0.1, big: 0.19 };
/** Radius relative to that, so that shapes of one size look equally large. */
const RADIUS_OF_SHAPE: Readonly<Record<Shape, number>> = { circle: 0.8, square: 0.94, triangle: 1.06, star: 1.08 };
/** Free border of the picture, and least gap between two objects along their axis. */
const MARGIN = 0.02;
const GAP = 0.05;
/** Two objects lie at most this far apart across their axis, relative to their distance along it. */
const SLANT = 0.35;
/** A single object's centre is this far from the picture's at least ("left"), or at most ("middle"). */
const OFF_CENTRE = 0.2;
const NEAR_CENTRE = 0.06;

/** What an object is, before it has a place. */
type Kind = Omit<SceneObject, "x" | "y">;

/**
 * The scene `index` of the world `seed`.
 *
 * @throws {RangeError} If `index` is not a whole number of 32 bits.
 */
export function makeScene(seed: number, index: number, options: SceneOptions = {}): Scene {
  const { heldOut = false } = options;
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
    do { // until the two differ and their combination is on the wanted side
      first = makeKind(random);
      second = makeKind(random);
    } while (looksLike(first, second) || isHeldOut(first, second, horizontal) !== heldOut);
  }
  return { seed, index, background, objects: placePair(first, second, horizontal, random) };
}

/** Whether two objects have one colour and one shape. */
export function looksLike(a: Pick<SceneObject, "colour" | "shape">, b: typeof a): boolean {
  return a.colour === b.colour && a.shape === b.shape;
}

/** Where `a` is, seen from `b`: along the axis on which they are further apart. */
export function relationOf(a: Pick<SceneObject, "x" | "y">, b: typeof a): Relation {
  if (Math.abs(a.x - b.x) > Math.abs(a.y - b.y)) return a.x < b.x ? "left of" : "right of";
  return a.y < b.y ? "above" : "below";
}

/** Where an object is in the picture. */
export function placeOf({ x, y }: Pick<SceneObject, "x" | "y">): Place {
  const dx = x - 0.5;
  const dy = y - 0.5;
  if (Math.max(Math.abs(dx), Math.abs(dy)) < (OFF_CENTRE + NEAR_CENTRE) / 2) return "middle";
  if (Math.abs(dx) > Math.abs(dy)) return dx < 0 ? "left" : "right";
  return dy < 0 ? "top" : "bottom";
}

/** What is to be seen of a scene, without exact places: scenes with one description deserve the same captions. */
export function sceneKey(scene: Scene): string {
  const kinds = scene.objects.map(({ size, colour, shape }) => `${size} ${colour} ${shape}`);
  const [first, second] = scene.objects;
  return kinds.join(second ? ` ${relationOf(first, second)} ` : "") + (second ? "" : ` ${placeOf(first)}`);
}

function makeKind(random: Random): Kind {
  const shape = random.pick(SHAPES);
  const size = random.pick(SIZES);
  const radius = RADIUS[size] * RADIUS_OF_SHAPE[shape] * between(random, 0.94, 1.06);
  return { colour: random.pick(COLOURS), shape, size, radius, angle: between(random, -0.15, 0.15) };
}

function turned(kind: Kind, random: Random): Kind {
  return { ...kind, angle: between(random, -0.15, 0.15) };
}

/** Whether the pair's combination is kept for held-out pictures: the same in every world, whatever its seed. */
function isHeldOut(first: Kind, second: Kind, horizontal: boolean): boolean {
  const kinds = [first, second].map((kind) => COLOURS.indexOf(kind.colour) * SHAPES.length + SHAPES.indexOf(kind.shape));
  return hash32(...kinds, Number(horizontal)) % HELD_OUT_ONE_IN === 0;
}

function placeAlone(kind: Kind, random: Random): SceneObject {
  const place = random.pick(PLACES);
  const near = () => between(random, 0.5 - NEAR_CENTRE, 0.5 + NEAR_CENTRE);
  if (place === "middle") return { ...kind, x: near(), y: near() };
  const across = between(random, 0.4, 0.6);
  const far = between(random, kind.radius + MARGIN, 0.5 - OFF_CENTRE);
  const along = place === "left" || place === "top" ? far : 1 - far;
  return place === "left" || place === "right" ? { ...kind, x: along, y: across } : { ...kind, x: across, y: along };
}

function placePair(first: Kind, second: Kind, horizontal: boolean, random: Random): SceneObject[] {
  // Along the axis: border, first, gap, second, border; what is left over is shared out by chance.
  const room = 1 - 2 * (MARGIN + first.radius + second.radius) - GAP;
  const gap = GAP + room * between(random, 0, 0.8);
  const start = between(random, 0, room + GAP - gap);
  const along = MARGIN + start + first.radius;
  const distance = first.radius + gap + second.radius;
  const across = between(random, MARGIN + first.radius, 1 - MARGIN - first.radius);
  const slant = across + distance * between(random, -SLANT, SLANT);
  const acrossSecond = Math.min(Math.max(slant, MARGIN + second.radius), 1 - MARGIN - second.radius);
  const at = (kind: Kind, u: number, v: number) => horizontal ? { ...kind, x: u, y: v } : { ...kind, x: v, y: u };
  return [at(first, along, across), at(second, along + distance, acrossSecond)];
}

function between(random: Random, low: number, high: number): number {
  return low + (high - low) * random.uniform();
}
