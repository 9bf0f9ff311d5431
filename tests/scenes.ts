// This module runs in Deno only.
/** Scenes of the picture world, drawn and made by hand. */

import { looksLike, type Scene, type SceneObject } from "../lib/data/shapes.ts";
import { makeScene } from "../lib/data/shapes_scene.ts";

/** Of the scenes below. */
export const SEED = 7;

/** The first of the world. */
export const scenes = Array.from({ length: 2000 }, (_, index) => makeScene(SEED, index));

/** Those of two objects that do not look alike. */
export const pairs = scenes.filter(({ objects: [a, b] }) => b && !looksLike(a, b));

/** A scene of these objects. */
export function scene(...objects: SceneObject[]): Scene {
  return { seed: 1, index: 1, background: "plain", objects };
}
