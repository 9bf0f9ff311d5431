// This module is browser compatible.
import type { NumberArray } from "./kernel.ts";

/** Address in the engine's memory, in bytes, of an element: what the SIMD loops take. */
export function address(array: NumberArray, offset = 0): number {
  return array.byteOffset + 4 * offset;
}
