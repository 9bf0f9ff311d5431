// This module is browser compatible.
/** How WebAssembly writes numbers, names, lists and sections. */

/** Bytes, or parts in their order: nested, so that none is copied when it becomes a part of another. */
export type Code = readonly (number | Uint8Array | Code)[];

/** Numbers below 128 are one byte. Kept, since nearly all are: what is emitted is mostly small numbers. */
const SMALL: readonly (readonly number[])[] = Array.from({ length: 128 }, (_, value) => [value]);

/** Unsigned LEB128. */
export function unsigned(value: number): readonly number[] {
  let rest = value >>> 0;
  if (rest < 128) return SMALL[rest];
  const bytes: number[] = [];
  while (rest >= 128) {
    bytes.push((rest & 127) | 128);
    rest >>>= 7;
  }
  bytes.push(rest);
  return bytes;
}

/** Signed LEB128 of any integer that a double holds exactly. */
export function signed(value: number): readonly number[] {
  if (value >= -64 && value <= 63) return SMALL[value & 127];
  const bytes: number[] = [];
  let rest = value;
  while (rest < -64 || rest > 63) {
    bytes.push((((rest % 128) + 128) % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest & 127);
  return bytes;
}

const FLOAT = new DataView(new ArrayBuffer(4));

/** The four bytes of a float. */
export function float32(value: number): number[] {
  FLOAT.setFloat32(0, value, true);
  return [FLOAT.getUint8(0), FLOAT.getUint8(1), FLOAT.getUint8(2), FLOAT.getUint8(3)];
}

/** A name with its length. */
export function text(name: string): Code {
  return [unsigned(name.length), new TextEncoder().encode(name)];
}

/** Items with their count. */
export function list(items: Code): Code {
  return [unsigned(items.length), items];
}

/** A section of a module with its size. */
export function section(id: number, content: Code): Code {
  return [id, unsigned(lengthOf(content)), content];
}

/** How many bytes there are. */
function lengthOf(code: Code): number {
  let length = 0;
  for (const part of code) {
    length += typeof part === "number" ? 1 : part instanceof Uint8Array ? part.length : lengthOf(part);
  }
  return length;
}

/** Where bytes are gathered: grown as needed, kept for the next time. */
let gathered = new Uint8Array(1 << 14);

/** All bytes in a row. */
export function flatten(code: Code): Uint8Array<ArrayBuffer> {
  const end = gather(0, code); // which may replace the array
  return gathered.slice(0, end);
}

/** Writes the bytes from `at` on; the result is where they end. */
function gather(at: number, code: Code): number {
  for (let i = 0; i < code.length; i++) {
    const part = code[i];
    if (typeof part === "number") {
      if (at === gathered.length) makeRoom(at + 1);
      gathered[at++] = part;
    } else if (part instanceof Uint8Array) {
      makeRoom(at + part.length);
      gathered.set(part, at);
      at += part.length;
    } else at = gather(at, part);
  }
  return at;
}

function makeRoom(length: number): void {
  if (length <= gathered.length) return;
  const more = new Uint8Array(Math.max(length, 2 * gathered.length));
  more.set(gathered);
  gathered = more;
}
