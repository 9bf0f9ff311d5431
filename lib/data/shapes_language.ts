// This module is browser compatible.
/**
 * The language of the built-in picture world: sentences with blanks, filled in to describe a scene
 * (`shapes_captions.ts`) and matched to read a caption back (`shapes_grammar.ts`).
 */

import type { Place, Relation } from "./shapes.ts";

/** How two objects that look alike lie: side by side, or one above the other. */
export type Arrangement = "row" | "column";

/**
 * Sentences that describe a scene of one object, of two, and of two that look alike: five each.
 *
 * `{a}` and `{b}` are objects ("a big red ring"), `{one}` is a counted one ("one big red ring"), and `{place}`
 * where it is. `{rel}` is where a is, seen from b, and `{inv}` where b is, seen from a. `{two}` is two at once ("two
 * big red rings"), `{pair}` the same in other words ("a pair of big red rings"), and `{row}` how they lie.
 */
export const SENTENCES = {
  one: ["{a} {place}", "there is {a} {place}", "{place} is {a}", "{one} {place}", "{a} is {place}"],
  pair: [
    "{a} {rel} {b}",
    "there is {a} {rel} {b}",
    "{inv} {a} is {b}",
    "{a} with {b} {inv} it",
    "{a} is {rel} {b}",
  ],
  // Mostly as any pair: a world that counts whenever it can teaches to count two of what is left of something else.
  twins: [
    "{a} {rel} {b}",
    "there is {a} {rel} {b}",
    "{a} is {rel} {b}",
    "{a} with {b} {inv} it",
    "{two} {row}",
  ],
} as const satisfies Record<string, readonly string[]>;

/** Sentences that are read as well: parts of the ones above put together anew, or left unfinished. */
export const ALSO_READ: readonly string[] = [
  "{a}",
  "{two}",
  "there is {a}",
  "there are {two}",
  "{a} and {b}",
  "here is {a} {place}",
  "{place} there is {a}",
  "here is {a} {rel} {b}",
  "{inv} {a} there is {b}",
  "there is {a} with {b} {inv} it",
  "here is {a} with {b} {inv} it",
  "there are {two} {row}",
  "here are {two} {row}",
  "{pair} {row}",
  "{row} are {two}",
  "{two} are {row}",
  "{row} there are {two}",
];

/** Words for where an object is, seen from another. */
export const RELATION_WORDS: Readonly<Record<Relation, string>> = {
  "left of": "left of",
  "right of": "right of",
  above: "above",
  below: "below",
};

/** Words for where a single object is in the picture. */
export const PLACE_WORDS: Readonly<Record<Place, string>> = {
  left: "on the left",
  right: "on the right",
  top: "at the top",
  bottom: "at the bottom",
};

/** Words for how two objects that look alike lie. */
export const ARRANGEMENT_WORDS: Readonly<Record<Arrangement, string>> = {
  row: "side by side",
  column: "one above the other",
};

/** The same relation, seen from the other object. */
export const OPPOSITE: Readonly<Record<Relation, Relation>> = {
  "left of": "right of",
  "right of": "left of",
  above: "below",
  below: "above",
};
