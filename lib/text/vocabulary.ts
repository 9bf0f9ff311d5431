// This module is browser compatible.
/** The words a captioner knows, each with its id: the order of the model's output. */

/** Id of the padding after a caption's end. Never generated. */
export const PAD = 0;
/** Id of the token every caption starts with. Never generated. */
export const START = 1;
/** Id of the token every caption ends with. */
export const END = 2;
/** Id of every word that the vocabulary lacks. */
export const UNK = 3;

/** How the four special ids are written; they take the first four places of every vocabulary. */
export const SPECIAL_WORDS: readonly string[] = ["<pad>", "<start>", "<end>", "<unk>"];

/** Options of {@linkcode Vocabulary.encode}. */
export interface EncodeOptions {
  /** Most ids returned, start and end included; what is longer loses its last words, never its end. Default: no limit. */
  readonly maxLength?: number;
}

/** A fixed list of words. Two vocabularies with equal {@linkcode Vocabulary.hash} give equal ids. */
export class Vocabulary {
  /** Word of each id; the first four are {@linkcode SPECIAL_WORDS}. */
  readonly words: readonly string[];
  readonly #ids: ReadonlyMap<string, number>;

  /**
   * @param words Words without the special ones, in the order of their ids from 4 on.
   * @throws {RangeError} If a word is empty or given twice.
   */
  constructor(words: Iterable<string>) {
    const all = [...SPECIAL_WORDS, ...words];
    const ids = new Map(all.map((word, id) => [word, id]));
    if (ids.size !== all.length) {
      const twice = all.find((word, id) => ids.get(word) !== id);
      throw new RangeError(
        `Cannot make a vocabulary: "${twice}" is given twice, every word must be given once`,
      );
    }
    if (ids.has("")) throw new RangeError("Cannot make a vocabulary: a word is empty, each needs a letter");
    this.words = all;
    this.#ids = ids;
  }

  /** Number of ids, the four special ones included. */
  get size(): number {
    return this.words.length;
  }

  /** The words without the four special ones: what a model file stores, and what the vocabulary is made of. */
  get ownWords(): readonly string[] {
    return this.words.slice(SPECIAL_WORDS.length);
  }

  /** Whether `word` has an id of its own. */
  has(word: string): boolean {
    return this.#ids.has(word);
  }

  /** Id of `word`, {@linkcode UNK} where it has none. */
  id(word: string): number {
    return this.#ids.get(word) ?? UNK;
  }

  /**
   * Ids of a caption between {@linkcode START} and {@linkcode END}.
   *
   * @param tokens Words of one caption.
   * @returns Ids [T], T = tokens + 2 or `maxLength`, whichever is less.
   * @throws {RangeError} If `maxLength` leaves no room for start and end.
   */
  encode(tokens: readonly string[], options: EncodeOptions = {}): Uint32Array {
    const { maxLength = Infinity } = options;
    if (!(maxLength >= 2)) {
      throw new RangeError(`Cannot encode a caption in ${maxLength} ids: start and end alone take 2`);
    }
    const length = Math.min(tokens.length, maxLength - 2);
    const ids = new Uint32Array(length + 2);
    ids[0] = START;
    for (let i = 0; i < length; i++) ids[i + 1] = this.id(tokens[i]);
    ids[length + 1] = END;
    return ids;
  }

  /**
   * Words of generated ids: padding and start are dropped, what follows the first end is ignored, and
   * {@linkcode UNK} is written as `<unk>`, because hiding it would make a caption look better than it is.
   *
   * @throws {RangeError} If an id is outside the vocabulary.
   */
  decode(ids: Iterable<number>): string[] {
    const tokens: string[] = [];
    for (const id of ids) {
      if (id === END) break;
      if (id === PAD || id === START) continue;
      const word = this.words[id];
      if (word === undefined) {
        throw new RangeError(
          `Cannot decode id ${id}: the vocabulary has ${this.size} ids, 0 to ${this.size - 1}`,
        );
      }
      tokens.push(word);
    }
    return tokens;
  }

  /** 16 hexadecimal digits that differ where any word or the order differs (FNV-1a, 64 bits, over UTF-8). */
  get hash(): string {
    const bytes = new TextEncoder().encode(this.words.join("\n"));
    let [high, low] = [0xcbf29ce4, 0x84222325];
    for (const byte of bytes) {
      low = (low ^ byte) >>> 0;
      // times 0x100000001b3, in two halves: low · 0x1b3 carries into high, and low · 2^40 only reaches high
      const product = low * 0x1b3;
      high = (Math.imul(high, 0x1b3) + (low << 8) + Math.floor(product / 2 ** 32)) >>> 0;
      low = product >>> 0;
    }
    return high.toString(16).padStart(8, "0") + low.toString(16).padStart(8, "0");
  }
}
