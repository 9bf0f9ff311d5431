// This module is browser compatible.
/** Numbers in 16 bits (IEEE 754 binary16), and back. */

/** The f32 of each of the 65,536 halves. Made at the first use: 262 kB. */
let table: Float32Array | undefined;

/**
 * Halves as f32, exactly.
 *
 * By a table: about twice as fast as the engine's own conversion of a Float16Array.
 *
 * @param halves Bits of each number.
 * @param out Where they go, as many.
 */
export function halvesToFloats(halves: Uint16Array, out: Float32Array): void {
  table ??= new Float32Array(
    new Float16Array(Uint16Array.from({ length: 65_536 }, (_, bits) => bits).buffer),
  );
  for (let i = 0; i < halves.length; i++) out[i] = table[halves[i]];
}

/**
 * The nearest halves of f32 numbers; beyond ±65,504 that is infinity.
 *
 * @returns Bits of each number.
 */
export function floatsToHalves(floats: Float32Array): Uint16Array {
  return new Uint16Array(new Float16Array(floats).buffer);
}
