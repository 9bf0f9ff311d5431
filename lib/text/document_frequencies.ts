// This module is browser compatible.
/** In how many images' references each n-gram occurs: what makes CIDEr weigh rare words higher. */
import { isRecord } from "./json.ts";
import { type EncodedCaptions, MAX_ORDER } from "./encode_captions.ts";
import { NgramIndex } from "./ngrams.ts";

/** Document frequencies of n-grams. */
export interface DocumentFrequencies {
  /** Number of images counted. */
  readonly documents: number;
  /** Where they come from, for the signature: "corpus" or a name. */
  readonly source: string;
  /** Numbers of the n-grams. */
  readonly index: NgramIndex;
  /** Images whose references hold each n-gram of the index. */
  readonly counts: Uint32Array;
}

/** A table as it is stored: n-grams of words joined by spaces; those of one image only are left out, they weigh as unseen. */
export interface FrequencyTable {
  readonly documents: number;
  readonly source: string;
  readonly ngrams: Readonly<Record<string, number>>;
}

/** The frequencies of the references of `captions` themselves. */
export function corpusFrequencies(captions: EncodedCaptions): DocumentFrequencies {
  const { ids, first, starts, grams, index } = captions;
  const counts = new Uint32Array(index.size);
  const lastSeen = new Uint32Array(index.size); // image number + 1
  for (let image = 0; image < ids.length; image++) {
    const references = grams.subarray(starts[first[image] + 1], starts[first[image + 1]]);
    for (const gram of references) {
      if (lastSeen[gram] === image + 1) continue;
      lastSeen[gram] = image + 1;
      counts[gram]++;
    }
  }
  return { documents: ids.length, source: "corpus", index, counts };
}

/** The frequency of each n-gram of `index` in a table that numbers them otherwise; 0 for what it lacks. */
export function frequenciesIn(index: NgramIndex, frequencies: DocumentFrequencies): Uint32Array {
  if (frequencies.index === index) return frequencies.counts;
  const { prefixes, lasts } = index;
  const theirs = new Int32Array(index.size).fill(-1);
  for (const [word, id] of index.words) theirs[id] = frequencies.index.words.get(word) ?? -1;
  for (let id = 0; id < theirs.length; id++) { // a prefix always has a smaller number
    if (prefixes[id] === id) continue;
    const [prefix, last] = [theirs[prefixes[id]], theirs[lasts[id]]];
    if (prefix >= 0 && last >= 0) theirs[id] = frequencies.index.find(prefix, last);
  }
  return Uint32Array.from(theirs, (id) => id < 0 ? 0 : frequencies.counts[id]);
}

/** The table to store; read back by {@linkcode readFrequencies}. */
export function frequencyTable(frequencies: DocumentFrequencies, source: string): FrequencyTable {
  const { index, counts, documents } = frequencies;
  const { prefixes, lasts } = index;
  const words = new Map([...index.words].map(([word, id]) => [id, word]));
  const spell = (id: number): string =>
    prefixes[id] === id ? words.get(id)! : `${spell(prefixes[id])} ${words.get(lasts[id])}`;
  const ngrams: Record<string, number> = {};
  counts.forEach((count, id) => {
    if (count > 1) ngrams[spell(id)] = count;
  });
  return { documents, source, ngrams };
}

/**
 * Frequencies of a stored table.
 *
 * @param options.source Its name, for messages. Default "document frequencies".
 * @throws {SyntaxError} If it is not one, or holds an n-gram longer than the scores use.
 */
export function readFrequencies(
  table: unknown,
  { source: name = "document frequencies" }: { readonly source?: string } = {},
): DocumentFrequencies {
  const { documents, source, ngrams } = (table ?? {}) as Partial<FrequencyTable>; // checked below
  if (typeof documents !== "number" || !(documents > 0) || typeof source !== "string" || !isRecord(ngrams)) {
    throw new SyntaxError(
      `Cannot read ${name}: should be an object of "documents" (over 0), "source" and "ngrams", as --save-df writes it`,
    );
  }
  const index = new NgramIndex();
  const counted: number[] = [];
  for (const [ngram, count] of Object.entries(ngrams)) {
    const words = ngram.split(" ");
    if (words.length > MAX_ORDER || !(Number.isInteger(count) && count >= 0 && count <= documents)) {
      throw new SyntaxError(
        `Cannot read ${name}: "${ngram}" has ${words.length} words and count ${count}, ` +
          `should be at most ${MAX_ORDER} words and a whole number from 0 to ${documents}`,
      );
    }
    const [head, ...rest] = words.map((word) => index.word(word));
    counted[rest.reduce((prefix, word) => index.extend(prefix, word), head)] = count;
  }
  return {
    documents,
    source,
    index,
    counts: Uint32Array.from({ length: index.size }, (_, id) => counted[id] ?? 0),
  };
}
