// This module is browser compatible.
/** Checks captions of the built-in picture world against the scene behind the picture. */

import { looksLike, placeOf, relationOf, type Scene, type SceneObject } from "./shapes.ts";
import { type Phrase, readCaption, type Reading } from "./shapes_grammar.ts";

/** How many of a caption's facts hold. */
export interface Facts {
  /** Colours, shapes, sizes, counts, relation or place that the caption states. */
  readonly stated: number;
  /** Those that are so. */
  readonly correct: number;
}

/** What {@linkcode checkCaption} finds. */
export interface CaptionCheck {
  /** It is a sentence of the world's language. */
  readonly readable: boolean;
  /** It states every object of the scene with its colour, and how two lie to each other. */
  readonly complete: boolean;
  /** It is readable, complete, and every stated fact holds. */
  readonly true: boolean;
  /** None are counted of a caption that cannot be read. */
  readonly facts: Facts;
}

/** Shares over many captions, as the demo prints them. */
export interface TruthScores {
  /** Share of captions that are true. */
  readonly truth: number;
  /** Share of stated facts that hold. */
  readonly facts: number;
}

/**
 * Whether a caption is true of a scene.
 *
 * Each thing the caption speaks of is paired with another object of the scene, in the way that makes most facts
 * hold; so "a red ring left of a red ring" is false where there is but one.
 *
 * @param caption Words, or text with single spaces between lower-case words.
 */
export function checkCaption(scene: Scene, caption: string | readonly string[]): CaptionCheck {
  const reading = readCaption(caption);
  if (!reading) {
    return { readable: false, complete: false, true: false, facts: { stated: 0, correct: 0 } };
  }
  const [first, second] = scene.objects;
  const pairings: (readonly (SceneObject | undefined)[])[] = [[first, second], [second, first]];
  const facts = pairings.map((objects) => countFacts(scene, reading, objects))
    .reduce((best, next) => next.correct > best.correct ? next : best);
  const named = reading.phrases.reduce((sum, { count }) => sum + count, 0);
  const complete = named >= scene.objects.length &&
    (scene.objects.length === 1 || reading.relation !== undefined || reading.arrangement !== undefined);
  return { readable: true, complete, true: complete && facts.correct === facts.stated, facts };
}

/** Truth and facts of many captions. */
export function scoreTruth(checks: readonly CaptionCheck[]): TruthScores {
  const sum = (count: (check: CaptionCheck) => number) =>
    checks.reduce((total, check) => total + count(check), 0);
  return {
    truth: sum((check) => Number(check.true)) / checks.length,
    facts: sum(({ facts }) => facts.correct) / sum(({ facts }) => facts.stated),
  };
}

/** Counts the facts that hold when the caption's things are, in order, these objects of the scene. */
function countFacts(scene: Scene, reading: Reading, objects: readonly (SceneObject | undefined)[]): Facts {
  const { phrases, relation, place, arrangement } = reading;
  const holds = phrases.flatMap((phrase, i) =>
    phraseFacts(scene, phrase, objects.slice(i, i + phrase.count))
  );
  const [first, second] = objects;
  if (relation) holds.push(!!first && !!second && relationOf(first, second) === relation);
  if (place) holds.push(!!first && placeOf(first) === place);
  if (arrangement) holds.push(!!first && !!second && arrangementOf(first, second) === arrangement);
  return { stated: holds.length, correct: holds.filter(Boolean).length };
}

function phraseFacts(scene: Scene, phrase: Phrase, objects: readonly (SceneObject | undefined)[]): boolean[] {
  const all = (fits: (object: SceneObject) => boolean) => objects.every((object) => object && fits(object));
  const holds = [all(({ colour }) => colour === phrase.colour), all(({ shape }) => shape === phrase.shape)];
  if (phrase.size) holds.push(all(({ size }) => size === phrase.size));
  if (phrase.counted) {
    holds.push(
      all((object) => scene.objects.filter((other) => looksLike(object, other)).length === phrase.count),
    );
  }
  return holds;
}

function arrangementOf(first: SceneObject, second: SceneObject): "row" | "column" {
  return ["left of", "right of"].includes(relationOf(first, second)) ? "row" : "column";
}
