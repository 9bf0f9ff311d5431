// This module is browser compatible.
/** The machine that jobs run on, as the code that plans them sees it. */

import type { NumberArray } from "../kernel.ts";

/** Runs jobs of the module over the engine's memory. */
export interface Machine {
  /** Threads that compute, this one included. */
  readonly threads: number;
  /** Whether jobs may call the system's BLAS: on every thread, or on the calling one alone. */
  readonly blas: "none" | "shared" | "alone";
  /** Whether an array is a view of the engine's memory. */
  owns(array: NumberArray): boolean;
  /** A number that no other job has. */
  nextSerial(): number;
  /** Runs all tasks of a job and returns when they are done. */
  run(job: string, call: JobCall): void;
}

/** A job's arguments and size. */
export interface JobCall {
  /** The job's slots in order: integers, taken modulo 2³², but for those that `floats` marks. */
  readonly values: readonly number[];
  readonly floats?: readonly boolean[];
  /** Tasks, numbered from 0. */
  readonly tasks: number;
  /** Whether to keep the work on this thread, where handing it over would cost more than it gains. */
  readonly alone: boolean;
}

/**
 * The address in bytes of element `offset`, after checking that `extent` elements from there exist.
 *
 * @param source The array and its name in errors.
 * @throws {TypeError} If its elements are not four bytes wide or it is no view of the engine's memory.
 * @throws {RangeError} If it is too short.
 */
export function addressOf(
  machine: Machine,
  source: { readonly name: string; readonly array: NumberArray },
  offset: number,
  extent: number,
): number {
  const { name, array } = source;
  if (array.BYTES_PER_ELEMENT !== 4) {
    throw new TypeError(`Cannot compute with "${name}": its elements are f64, the SIMD engine takes f32`);
  }
  if (!machine.owns(array)) {
    throw new TypeError(`Cannot compute with "${name}": it is not in the engine's memory`);
  }
  if (!(offset >= 0 && offset + extent <= array.length)) {
    throw new RangeError(
      `Cannot compute with "${name}": elements ${offset} to ${
        offset + extent
      } are needed, it has ${array.length}`,
    );
  }
  return array.byteOffset + 4 * offset;
}
