// This module is browser compatible.
/**
 * Python's pickles read as data. A pickle is a program: in Python, reading one may run anything that its writer
 * wished. Here it can make numbers, texts, lists, dictionaries and sets; everything else becomes an inert record of
 * its name and its parts, and nothing is ever called.
 */

import { ByteReader } from "./byte_reader.ts";
import { type PersistentLoad, PICKLE_LIMITS, type PickleLimits, PickleMachine } from "./pickle_machine.ts";
import { OPCODES, STOP } from "./pickle_opcodes.ts";
import type { PickleValue } from "./pickle_values.ts";

/** Options of {@linkcode unpickle}. */
export interface UnpickleOptions {
  /** What persistent ids stand for. Default: an inert record. */
  readonly persistent?: PersistentLoad;
  /** Bounds. Default: {@linkcode PICKLE_LIMITS}. */
  readonly limits?: Partial<PickleLimits>;
}

/**
 * Reads one pickle, protocols 0 to 5, and leaves the reader behind it: files may hold several in a row.
 *
 * @throws {SyntaxError} If it is cut off, damaged, beyond the bounds, or needs what is not in it.
 */
export function unpickle(reader: ByteReader, { persistent, limits }: UnpickleOptions = {}): PickleValue {
  const machine = new PickleMachine(reader, { persistent, limits: { ...PICKLE_LIMITS, ...limits } });
  while (true) {
    const opcode = reader.u8();
    if (opcode === STOP) return machine.pop();
    const run = OPCODES.get(opcode);
    if (!run) {
      reader.at--;
      throw machine.fail(`0x${opcode.toString(16).padStart(2, "0")} is no instruction`);
    }
    run(machine);
  }
}

/** Reads a file that is a pickle. Throws as {@linkcode unpickle} does. */
export function parsePickle(bytes: Uint8Array, name: string, options: UnpickleOptions = {}): PickleValue {
  return unpickle(new ByteReader(bytes, name), options);
}
