// This module is browser compatible.
/** The stack and the memo of the machine that a pickle is a program for, with bounds on both. */

import type { ByteReader } from "./byte_reader.ts";
import { PickleClass, PickleRecord, type PickleValue } from "./pickle_values.ts";

/** Bounds, so that a hostile file ends in an error and not in exhaustion. */
export interface PickleLimits {
  /** Values on the stack, and in the memo. */
  readonly stack: number;
  /** Texts, containers and records made. A checkpoint of a thousand tensors makes about 30,000. */
  readonly values: number;
  /** Bytes of a whole number; Python's own readers of text stop at 4,300 digits, that is 1,786. */
  readonly integerBytes: number;
}

/** What is allowed unless told otherwise. */
export const PICKLE_LIMITS: PickleLimits = { stack: 1_000_000, values: 4_000_000, integerBytes: 1786 };

/** What a persistent id stands for: PyTorch's storages are not in the pickle, but beside it. */
export type PersistentLoad = (id: PickleValue) => PickleValue;

/** State of a pickle being read. */
export class PickleMachine {
  readonly reader: ByteReader;
  readonly persistent: PersistentLoad;
  readonly limits: PickleLimits;
  readonly memo = new Map<number, PickleValue>();
  /** Values above the newest mark. */
  #stack: PickleValue[] = [];
  /** Those below it, a list for each mark. */
  readonly #below: PickleValue[][] = [];
  #depth = 0;
  #made = 0;

  constructor(
    reader: ByteReader,
    { persistent = inertId, limits = PICKLE_LIMITS }: {
      readonly persistent?: PersistentLoad;
      readonly limits?: PickleLimits;
    },
  ) {
    this.reader = reader;
    this.persistent = persistent;
    this.limits = limits;
  }

  /** The error of a pickle that no pickler would write. */
  fail(what: string): SyntaxError {
    return this.reader.fail(`its pickle is damaged or hostile: ${what} (byte ${this.reader.at})`);
  }

  push(value: PickleValue): void {
    this.#grow();
    this.#stack.push(value);
  }

  /** Pushes a value that takes memory of its own, and that of `more` others. */
  make(value: PickleValue, more = 0): void {
    this.#made += 1 + more;
    if (this.#made > this.limits.values) throw this.fail(`it makes more than ${this.limits.values} values`);
    this.push(value);
  }

  pop(): PickleValue {
    const value = this.#stack.pop();
    if (value === undefined) throw this.fail("it takes a value that is not there");
    this.#depth--;
    return value;
  }

  get top(): PickleValue {
    const value = this.#stack.at(-1);
    if (value === undefined) throw this.fail("it uses a value that is not there");
    return value;
  }

  mark(): void {
    this.#grow();
    this.#below.push(this.#stack);
    this.#stack = [];
  }

  /** Takes everything above the newest mark, and the mark. */
  popMark(): PickleValue[] {
    const values = this.#stack;
    const below = this.#below.pop();
    if (!below) throw this.fail("it goes back to a mark that is not there");
    this.#stack = below;
    this.#depth -= values.length + 1;
    return values;
  }

  /** Takes away the top value, or the newest mark where nothing is above it. */
  drop(): void {
    if (this.#stack.length > 0) this.pop();
    else this.popMark();
  }

  remember(index: number): void {
    if (this.memo.size >= this.limits.stack) {
      throw this.fail(`it remembers more than ${this.limits.stack} values`);
    }
    this.memo.set(index, this.top);
  }

  recall(index: number): void {
    const value = this.memo.get(index);
    if (value === undefined) throw this.fail(`it recalls value ${index}, which it never remembered`);
    this.push(value);
  }

  #grow(): void {
    if (++this.#depth > this.limits.stack) throw this.fail(`it stacks more than ${this.limits.stack} values`);
  }
}

/** A persistent id that nobody resolves stays an inert record. */
function inertId(id: PickleValue): PickleValue {
  return new PickleRecord(new PickleClass("pickle", "persistent_id"), [id]);
}
