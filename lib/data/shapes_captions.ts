// This module is browser compatible.
/** True captions of the built-in picture world's scenes. */

import { Random } from "../random.ts";
import { looksLike, placeOf, relationOf, type Scene, type SceneObject, STREAMS } from "./shapes.ts";
import { ARRANGEMENT_WORDS, OPPOSITE, PLACE_WORDS, RELATION_WORDS, SENTENCES } from "./shapes_language.ts";

/** What {@linkcode describeScene} takes besides the scene. */
export interface DescribeOptions {
  /**
   * Which of two objects is named first: "fixed" (default) names the left or upper one, "free" either by chance.
   * Free order is harder to learn: before the first word nothing tells which object is meant.
   */
  readonly order?: "fixed" | "free";
}

/** Five true captions of a scene, each in other words; the same ones whenever the same scene is described. */
export function describeScene(scene: Scene, options: DescribeOptions = {}): string[] {
  const { order = "fixed" } = options;
  const [first, second] = scene.objects;
  if (!second) {
    const place = PLACE_WORDS[placeOf(first)];
    return SENTENCES.one.map((sentence) => fill(sentence, { a: named(first), one: counted(first), place }));
  }
  const relation = relationOf(first, second);
  const inRow = relation === "left of" || relation === "right of";
  // Two in a column are counted. Two in a row are not: models that count those say it of different neighbours, too.
  const sentences = looksLike(first, second) && !inRow ? SENTENCES.twins : SENTENCES.pair;
  const row = ARRANGEMENT_WORDS[inRow ? "row" : "column"];
  const two = `two ${nameOf(first)}s`;
  const random = new Random(scene.seed, scene.index, STREAMS.captions);
  return sentences.map((sentence) => {
    const swap = order === "free" && random.uniform() < 0.5;
    const [a, b] = swap ? [second, first] : [first, second];
    const rel = swap ? OPPOSITE[relation] : relation;
    const words = { rel: RELATION_WORDS[rel], inv: RELATION_WORDS[OPPOSITE[rel]], two, row };
    return fill(sentence, { a: named(a), b: named(b), ...words });
  });
}

/** Puts words into a sentence's blanks. */
function fill(sentence: string, words: Readonly<Record<string, string>>): string {
  return sentence.replace(/\{(\w+)\}/g, (_, blank: string) => words[blank]);
}

function nameOf({ size, colour, shape }: SceneObject): string {
  return `${size} ${colour} ${shape}`;
}

function named(object: SceneObject): string {
  return `a ${nameOf(object)}`;
}

function counted(object: SceneObject): string {
  return `one ${nameOf(object)}`;
}
