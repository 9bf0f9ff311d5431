// This module is browser compatible.
/**
 * The language of the built-in picture world: what can be said, as patterns that are filled in to describe a
 * scene (`shapes_captions.ts`) and matched to read a caption back (`shapes_grammar.ts`).
 */

import { type Place, PLACES, type Relation, RELATIONS } from "./shapes.ts";

/** How two objects that look alike are arranged. */
export const ARRANGEMENTS = ["row", "column"] as const;
export type Arrangement = typeof ARRANGEMENTS[number];

/** The words for each relation, place and arrangement. The first is the one that descriptions use. */
export const RELATION_PHRASES: Readonly<Record<Relation, readonly string[]>> = {
  "left of": ["left of", "to the left of"],
  "right of": ["right of", "to the right of"],
  above: ["above", "over"],
  below: ["below", "under"],
};
export const PLACE_PHRASES: Readonly<Record<Place, readonly string[]>> = {
  left: ["on the left"],
  right: ["on the right"],
  top: ["at the top"],
  bottom: ["at the bottom"],
  middle: ["in the middle"],
};
export const ARRANGEMENT_PHRASES: Readonly<Record<Arrangement, readonly string[]>> = {
  row: ["side by side"],
  column: ["one above the other"],
};

/** The same relation seen from the other object. */
export const OPPOSITE: Readonly<Record<Relation, Relation>> = {
  "left of": "right of",
  "right of": "left of",
  above: "below",
  below: "above",
};
