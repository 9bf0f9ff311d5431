// This module is browser compatible.
/** How WebAssembly writes numbers, names, lists and sections. */

/** Unsigned LEB128. */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value >>> 0;
  while (rest >= 128) {
    bytes.push((rest & 127) | 128);
    rest >>>= 7;
  }
  bytes.push(rest);
  return bytes;
}

/** Signed LEB128 of any integer that a double holds exactly. */
export function signed(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest < -64 || rest > 63) {
    bytes.push((((rest % 128) + 128) % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest & 127);
  return bytes;
}

/** The four bytes of a float. */
export function float32(value: number): number[] {
  return [...new Uint8Array(new Float32Array([value]).buffer)];
}

/** A name with its length. */
export function text(name: string): number[] {
  return [...unsigned(name.length), ...new TextEncoder().encode(name)];
}

/** Items with their count. */
export function list(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

/** A section of a module with its size. */
export function section(id: number, content: readonly number[]): number[] {
  return [id, ...unsigned(content.length), ...content];
}
