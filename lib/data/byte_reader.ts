// This module is browser compatible.
/** Reads numbers and pieces out of bytes, never beyond their end. */

const LATIN_1_CHUNK = 8192;

/** A place in bytes that moves forward as it is read. */
export class ByteReader {
  readonly bytes: Uint8Array;
  /** The file's name, for errors. */
  readonly name: string;
  /** Where the next read begins. */
  at = 0;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, name: string) {
    this.bytes = bytes;
    this.name = name;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes not read yet. */
  get left(): number {
    return this.bytes.length - this.at;
  }

  /** The error of a file that cannot be read. */
  fail(what: string, cause?: unknown): SyntaxError {
    return new SyntaxError(`Cannot read ${this.name}: ${what}`, { cause });
  }

  /**
   * Moves over `count` bytes.
   *
   * @returns Where they begin.
   * @throws {SyntaxError} If there are fewer.
   */
  skip(count: number): number {
    if (!(count >= 0 && count <= this.left)) {
      throw this.fail(`it is cut off: ${count} bytes should follow byte ${this.at}, there are ${this.left}`);
    }
    const start = this.at;
    this.at += count;
    return start;
  }

  /** A view of the next `count` bytes: no copy. */
  take(count: number): Uint8Array {
    const start = this.skip(count);
    return this.bytes.subarray(start, start + count);
  }

  u8(): number {
    return this.bytes[this.skip(1)];
  }

  u16(): number {
    return this.#view.getUint16(this.skip(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.skip(4), true);
  }

  i32(): number {
    return this.#view.getInt32(this.skip(4), true);
  }

  /** Eight bytes as a count; one beyond 2^53 comes out as Infinity, which nothing accepts. */
  u64(): number {
    const value = this.#view.getBigUint64(this.skip(8), true);
    return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : Infinity;
  }

  f64BigEndian(): number {
    return this.#view.getFloat64(this.skip(8), false);
  }

  /** A line as Latin-1, without its end, which is skipped. */
  line(): string {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0) throw this.fail(`it is cut off: a line should end after byte ${this.at}`);
    const text = latin1(this.take(end - this.at));
    this.at++;
    return text;
  }
}

/** Each byte as the letter of that number: how Python 2's texts, which may be any bytes, become strings. */
export function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += LATIN_1_CHUNK) {
    text += String.fromCharCode(...bytes.subarray(at, at + LATIN_1_CHUNK));
  }
  return text;
}

/** The reverse of {@linkcode latin1}; undefined where a letter is no byte. */
export function latin1Bytes(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 255) return undefined;
    bytes[i] = code;
  }
  return bytes;
}
