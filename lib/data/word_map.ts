// This module is browser compatible.
/** Other people's vocabularies: which words they have, and under which ids. */

import { SPECIAL_WORDS } from "../text/vocabulary.ts";
import { parsePickle } from "./pickle.ts";
import { describeValue, PickleRecord, type PickleValue } from "./pickle_values.ts";
import { isPickle } from "./pth.ts";
import { attributes } from "./torch_state.ts";

/** A vocabulary of others in our order. */
export interface WordOrder {
  /** Words without the special ones, in the order of their ids there. */
  readonly words: readonly string[];
  /** Their id of each of our ids [V]: the four special ones first, then the words. */
  readonly theirIds: readonly number[];
}

/** What a vocabulary object keeps its ids in: yunjey's name and others'. */
const ID_ATTRIBUTES = ["word2idx", "stoi", "word_to_idx", "word_map"] as const;

/**
 * Reads a file of ids by word: JSON `{"a": 1, …}`, a pickled dictionary, or a pickled vocabulary object that has one.
 *
 * @param bytes The whole file.
 * @param name Its name, for errors.
 * @throws {SyntaxError} If it is none of them.
 */
export function parseWordMap(bytes: Uint8Array, name: string): ReadonlyMap<string, number> {
  const first = bytes.find((byte) => byte > 0x20);
  const found = first === 0x7b || first === 0x5b ? fromJson(bytes, name) : fromPickle(bytes, name);
  const pairs = found instanceof Map ? [...found] : [];
  const fits = pairs.length > 0 &&
    pairs.every(([word, id]) => typeof word === "string" && Number.isSafeInteger(id) && Number(id) >= 0);
  if (!fits) {
    throw new SyntaxError(
      `Cannot read words from ${name}: it should be a dictionary of words with their ids, as JSON or as a pickle, ` +
        `it is ${describeValue(found)}`,
    );
  }
  return new Map(pairs as [string, number][]); // just checked
}

/** Protocols 0 and 1, Python 2's, have no sign at their beginning. */
function fromPickle(bytes: Uint8Array, name: string): PickleValue {
  let value: PickleValue;
  try {
    value = parsePickle(bytes, name);
  } catch (error) {
    if (!(error instanceof SyntaxError) || isPickle(bytes)) throw error;
    throw new SyntaxError(`Cannot read words from ${name}: it is neither JSON nor a pickle`, {
      cause: error,
    });
  }
  if (!(value instanceof PickleRecord)) return value;
  const fields = attributes(value);
  for (const key of ID_ATTRIBUTES) {
    const found = fields?.get(key);
    if (found instanceof Map) return found;
  }
  return value;
}

function fromJson(bytes: Uint8Array, name: string): PickleValue {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new SyntaxError(`Cannot read words from ${name}: it begins as JSON, but is not`, {
      cause: error,
    });
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) return String(json);
  return new Map(Object.entries(json));
}

/**
 * Brings a vocabulary into our order: padding, start, end and unknown first, then the words.
 *
 * @param map Ids by word; each id from 0 to V - 1 once.
 * @param name The file's name, for errors.
 * @throws {RangeError} If a special word is missing, or ids are missing or given twice.
 */
export function wordOrder(map: ReadonlyMap<string, number>, name: string): WordOrder {
  const fail = (what: string) => new RangeError(`Cannot take the words of ${name}: ${what}`);
  const missing = SPECIAL_WORDS.filter((word) => !map.has(word));
  if (missing.length > 0) {
    throw fail(`${missing.join(", ")} missing, it should have ${SPECIAL_WORDS.join(", ")} and the words`);
  }
  const byId = new Array<string | undefined>(map.size).fill(undefined);
  for (const [word, id] of map) {
    if (id >= map.size) throw fail(`"${word}" has the id ${id}, but there are ${map.size} words`);
    if (byId[id] !== undefined) throw fail(`"${byId[id]}" and "${word}" have the same id ${id}`);
    byId[id] = word;
  }
  const words = (byId as string[]).filter((word) => !SPECIAL_WORDS.includes(word)); // none is undefined: as many ids
  return { words, theirIds: [...SPECIAL_WORDS, ...words].map((word) => map.get(word)!) };
}
