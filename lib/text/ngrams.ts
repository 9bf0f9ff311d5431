// This module is browser compatible.
/** N-grams as integers: counting them needs no strings, whatever the number of captions. */

const FIRST_SLOTS = 1 << 12; // a power of two; at most half of the slots are used

/**
 * Gives each word and each n-gram of words a number, from 0 on, in the order first met. An n-gram is its first n − 1
 * words' number and its last word's: {@linkcode NgramIndex.prefixes} and {@linkcode NgramIndex.lasts} hold them.
 */
export class NgramIndex {
  /** Number of each word. */
  readonly words: Map<string, number> = new Map();
  #prefixes = new Uint32Array(FIRST_SLOTS);
  #lasts = new Uint32Array(FIRST_SLOTS);
  #slots = new Int32Array(FIRST_SLOTS).fill(-1);
  #used = 0;
  #size = 0;

  /** Words and n-grams numbered so far. */
  get size(): number {
    return this.#size;
  }

  /** Number of the first n − 1 words of each n-gram; its own number for a single word. */
  get prefixes(): Uint32Array {
    return this.#prefixes.subarray(0, this.#size);
  }

  /** Number of the last word of each n-gram. */
  get lasts(): Uint32Array {
    return this.#lasts.subarray(0, this.#size);
  }

  /** Number of a single word, new if it was not met before. */
  word(word: string): number {
    const known = this.words.get(word);
    if (known !== undefined) return known;
    const id = this.#append(this.#size, this.#size);
    this.words.set(word, id);
    return id;
  }

  /** Number of the n-gram `prefix` and then the word `last`, new if it was not met before. */
  extend(prefix: number, last: number): number {
    const slot = this.#slotOf(prefix, last);
    if (this.#slots[slot] >= 0) return this.#slots[slot];
    const id = this.#append(prefix, last);
    this.#slots[slot] = id;
    if (++this.#used * 2 > this.#slots.length) this.#rehash();
    return id;
  }

  /** Number of the n-gram `prefix` and then the word `last`, −1 if it was not met before. */
  find(prefix: number, last: number): number {
    return this.#slots[this.#slotOf(prefix, last)];
  }

  /** Where the n-gram is, or the free slot where it belongs. */
  #slotOf(prefix: number, last: number): number {
    const mask = this.#slots.length - 1;
    let hash = Math.imul(prefix, 0x9e3779b1) ^ Math.imul(last, 0x85ebca6b);
    hash ^= hash >>> 15;
    for (let slot = hash & mask;; slot = (slot + 1) & mask) {
      const id = this.#slots[slot];
      if (id < 0 || (this.#prefixes[id] === prefix && this.#lasts[id] === last)) return slot;
    }
  }

  #append(prefix: number, last: number): number {
    const id = this.#size++;
    if (id === this.#prefixes.length) {
      this.#prefixes = grown(this.#prefixes);
      this.#lasts = grown(this.#lasts);
    }
    this.#prefixes[id] = prefix;
    this.#lasts[id] = last;
    return id;
  }

  #rehash(): void {
    this.#slots = new Int32Array(this.#slots.length * 2).fill(-1);
    for (let id = 0; id < this.#size; id++) {
      if (this.#prefixes[id] === id) continue; // a single word is found by its string
      this.#slots[this.#slotOf(this.#prefixes[id], this.#lasts[id])] = id;
    }
  }
}

/** The same values in an array of twice the length. */
export function grown(values: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(values.length * 2);
  larger.set(values);
  return larger;
}
