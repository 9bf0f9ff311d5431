// This module is browser compatible.
/** What captions may not, and must, say: rules that a search looks up on the host, word by word. */

import { END } from "../text/vocabulary.ts";

/** Rules of a search; each makes it read the candidates of every word from the device. */
export interface SearchConstraints {
  /** No sequence of so many words comes twice in a caption; 1: no word does. Default 0: repetition is allowed. */
  readonly noRepeatNgram?: number;
  /** Ids a caption does not end with. Default: none. */
  readonly badEndings?: readonly number[];
  /** Ids every caption says. Default: none. */
  readonly forced?: readonly number[];
  /** Groups the beams are split into, each made to say other words than those before it. Default 1. */
  readonly groups?: number;
  /** Nats taken from a word for each beam of an earlier group that says it at the same step. Default 0.5. */
  readonly diversity?: number;
}

/** Whether any rule is given. */
export function isConstrained(
  { noRepeatNgram = 0, badEndings = [], forced = [], groups = 1 }: SearchConstraints,
): boolean {
  return noRepeatNgram > 0 || badEndings.length > 0 || forced.length > 0 || groups > 1;
}

/**
 * Checks that the rules can be kept.
 *
 * @throws {RangeError} If not: the message says which contradict each other.
 */
export function checkConstraints(
  constraints: SearchConstraints,
  search: { readonly beam: number; readonly maxLength: number; readonly banned: readonly number[] },
): void {
  const { noRepeatNgram = 0, forced = [], badEndings = [], groups = 1, diversity } = constraints;
  const fail = (what: string) => {
    throw new RangeError(`Cannot search: ${what}`);
  };
  if (!Number.isInteger(noRepeatNgram) || noRepeatNgram < 0) {
    fail(`noRepeatNgram is ${noRepeatNgram}, it must be a number of words`);
  }
  if (!Number.isInteger(groups) || groups < 1 || search.beam % groups !== 0) {
    fail(`${search.beam} beams do not split into ${groups} groups of one size, choose a divisor`);
  }
  if (diversity !== undefined && !(diversity >= 0)) {
    fail(`the diversity is ${diversity}, it must be 0 or more`);
  }
  if (diversity !== undefined && groups === 1) fail("diversity is given without groups, which it sets apart");
  const both = forced.filter((id) => search.banned.includes(id) || id === END);
  if (both.length > 0) fail(`the words ${both.join(", ")} are forced and banned, or no words`);
  const words = new Set(forced);
  const more = words.size > 0 && forced.every((id) => badEndings.includes(id));
  if (words.size + Number(more) >= search.maxLength) {
    const another = more ? ", another behind them (no caption ends with one of them)" : "";
    fail(`${words.size} forced words${another} and an end do not fit into ${search.maxLength} words`);
  }
}

/**
 * Words that may not follow a caption so far.
 *
 * @param place Whether all forced words are said, and whether there is room for one word only: what may not end a
 * caption may not be that.
 */
export function blockedWords(
  ids: readonly number[],
  { noRepeatNgram = 0, badEndings = [] }: SearchConstraints,
  { complete, last: isLast }: { readonly complete: boolean; readonly last: boolean },
): Set<number> {
  const blocked = new Set<number>(isLast ? badEndings : []);
  if (!complete || badEndings.includes(ids.at(-1)!)) blocked.add(END);
  const before = noRepeatNgram - 1;
  if (noRepeatNgram === 0 || ids.length < before) return blocked;
  const last = ids.slice(ids.length - before);
  for (let at = 0; at + before < ids.length; at++) {
    if (last.every((id, i) => ids[at + i] === id)) blocked.add(ids[at + before]);
  }
  return blocked;
}
