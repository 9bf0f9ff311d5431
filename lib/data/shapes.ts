// This module is browser compatible.
/**
 * The built-in picture world: what a scene is, and what is so in it.
 *
 * Scenes are made in `shapes_scene.ts`, drawn in `shapes_draw.ts`, described in `shapes_captions.ts`; captions are
 * read back in `shapes_grammar.ts` and checked in `shapes_check.ts`. `shapes_world.ts` makes a dataset of them.
 */

/** Colours of objects, far apart in hue. */
export const COLOURS = ["red", "orange", "yellow", "green", "blue", "purple"] as const;
/** Outlines of objects. */
export const SHAPES = ["ring", "square", "triangle", "star"] as const;
/** Sizes of objects: a big one has about four times the area of a small one. */
export const SIZES = ["small", "big"] as const;
/** Where the first of two objects is, seen from the second. */
export const RELATIONS = ["left of", "right of", "above", "below"] as const;
/** Where a single object is in the picture. */
export const PLACES = ["left", "right", "top", "bottom"] as const;
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

/** Names one stream of random numbers of a scene, so that no two uses share numbers. */
export const STREAMS = { scene: 1, drawing: 2, captions: 3 } as const;

/** Whether two objects have one colour and one shape. */
export function looksLike(a: Pick<SceneObject, "colour" | "shape">, b: typeof a): boolean {
  return a.colour === b.colour && a.shape === b.shape;
}

/** Where `a` is, seen from `b`: along the axis on which they are further apart. */
export function relationOf(a: Pick<SceneObject, "x" | "y">, b: typeof a): Relation {
  if (Math.abs(a.x - b.x) > Math.abs(a.y - b.y)) return a.x < b.x ? "left of" : "right of";
  return a.y < b.y ? "above" : "below";
}

/** Where an object is in the picture: along the axis on which it is further from the centre. */
export function placeOf({ x, y }: Pick<SceneObject, "x" | "y">): Place {
  const dx = x - 0.5;
  const dy = y - 0.5;
  if (Math.abs(dx) > Math.abs(dy)) return dx < 0 ? "left" : "right";
  return dy < 0 ? "top" : "bottom";
}

/** What is to be seen of a scene, without exact places: scenes with one description deserve the same captions. */
export function sceneKey(scene: Scene): string {
  const kinds = scene.objects.map(({ size, colour, shape }) => `${size} ${colour} ${shape}`);
  const [first, second] = scene.objects;
  return kinds.join(second ? ` ${relationOf(first, second)} ` : "") + (second ? "" : ` ${placeOf(first)}`);
}
