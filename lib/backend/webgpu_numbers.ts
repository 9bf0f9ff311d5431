// This module is browser compatible.
/** Numbers of the host as bytes of the device, and back. */

import type { NumberArray, Storage, StorageType } from "./backend.ts";

/** Bytes of a buffer for `length` elements: whole vectors of four. */
export function bytesToHold(length: number, type: StorageType): number {
  return type === "f16" ? Math.ceil(length / 8) * 16 : Math.ceil(length / 4) * 16;
}

/** Bytes that hold a storage's elements: a multiple of four. */
export function bytesToRead({ length, type }: Storage): number {
  return type === "f16" ? Math.ceil(length / 2) * 4 : length * 4;
}

/** What a buffer's bytes say. */
export function numbersIn(bytes: ArrayBuffer, { length, type }: Storage): NumberArray {
  if (type === "f16") return Float32Array.from(new Float16Array(bytes, 0, length));
  return type === "u32" ? new Uint32Array(bytes) : new Float32Array(bytes);
}

/**
 * Bytes of `data` as a storage holds it, and where they go.
 *
 * @throws {RangeError} If halves are not whole pairs: a queue writes multiples of four bytes.
 */
export function bytesToWrite(
  { length, type }: Storage,
  data: ArrayLike<number>,
  offset: number,
): { readonly at: number; readonly bytes: BufferSource } {
  if (type !== "f16") return { at: offset * 4, bytes: elements(data, type) };
  const end = offset + data.length;
  if (offset % 2 !== 0 || (end % 2 !== 0 && end !== length)) {
    throw new RangeError(`Cannot write halves ${offset} to ${end} of ${length}: they should be whole pairs`);
  }
  const halves = new Float16Array(data.length + data.length % 2);
  halves.set(data);
  return { at: offset * 2, bytes: halves };
}

function elements(
  data: ArrayLike<number>,
  type: "f32" | "u32",
): Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> {
  const wanted = type === "u32" ? Uint32Array : Float32Array;
  if (data instanceof wanted && data.buffer instanceof ArrayBuffer) return data as Float32Array<ArrayBuffer>;
  return wanted.from(data);
}
