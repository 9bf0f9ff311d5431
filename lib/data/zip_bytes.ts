// This module is browser compatible.
/** Zip archives in memory whose entries are not packed, as PyTorch writes them (APPNOTE.TXT 4.3, Zip64 too). */

import { ByteReader } from "./byte_reader.ts";
import { crc32 } from "./crc32.ts";

const END_BYTES = 22;
const MAX_COMMENT_BYTES = 65_535;
const ZIP64_SIZES = 1;

interface Place {
  /** Of the local header. */
  readonly offset: number;
  readonly bytes: number;
  readonly crc: number;
  /** 0 is stored. */
  readonly method: number;
}

/** An archive's entries by name. */
export class ZipBytes {
  readonly name: string;
  readonly #bytes: Uint8Array;
  readonly #places: ReadonlyMap<string, Place>;

  /**
   * Reads the directory.
   *
   * @param name The file's name, for errors.
   * @throws {SyntaxError} If it is cut off, damaged or hostile.
   */
  constructor(bytes: Uint8Array, name: string) {
    this.name = name;
    this.#bytes = bytes;
    this.#places = readDirectory(bytes, name);
  }

  /** Names of the entries. */
  get names(): string[] {
    return [...this.#places.keys()];
  }

  has(entry: string): boolean {
    return this.#places.has(entry);
  }

  /**
   * The bytes of an entry: a view, not a copy.
   *
   * @throws {SyntaxError} If it is not there, is packed, or its CRC-32 differs.
   */
  read(entry: string): Uint8Array {
    const reader = new ByteReader(this.#bytes, this.name);
    const place = this.#places.get(entry);
    if (!place) throw reader.fail(`the archive holds no "${entry}", it should`);
    if (place.method !== 0) {
      throw reader.fail(
        `"${entry}" is packed (method ${place.method}): PyTorch stores, save it again with torch.save`,
      );
    }
    reader.skip(place.offset);
    if (reader.left < 30 || reader.u32() !== 0x04034b50) {
      throw reader.fail(`the header of "${entry}" is missing`);
    }
    reader.skip(22);
    reader.skip(reader.u16() + reader.u16()); // both read before it moves: the name and the extra fields
    const bytes = reader.take(place.bytes);
    if (crc32(bytes) !== place.crc) {
      throw reader.fail(`"${entry}" is damaged (its CRC-32 differs), get the file again`);
    }
    return bytes;
  }
}

function readDirectory(bytes: Uint8Array, name: string): Map<string, Place> {
  const reader = new ByteReader(bytes, name);
  const { count, offset } = readEnd(reader);
  reader.at = offset;
  const places = new Map<string, Place>();
  let total = 0;
  for (let i = 0; i < count; i++) {
    if (reader.u32() !== 0x02014b50) throw reader.fail(`entry ${i} of the archive's directory is damaged`);
    reader.skip(6);
    const method = reader.u16();
    reader.skip(4);
    const crc = reader.u32();
    const sizes = [reader.u32(), reader.u32()];
    const [nameBytes, extraBytes, commentBytes] = [reader.u16(), reader.u16(), reader.u16()];
    reader.skip(8);
    const start = reader.u32();
    const entry = new TextDecoder().decode(reader.take(nameBytes));
    const extra = new ByteReader(reader.take(extraBytes), name);
    reader.skip(commentBytes);
    const [size, packed, at] = withZip64(extra, [sizes[1], sizes[0], start]);
    if (method === 0 && size !== packed) throw reader.fail(`"${entry}" is stored, but has two sizes`);
    if (places.has(entry)) throw reader.fail(`the archive holds "${entry}" twice`);
    places.set(entry, { offset: at, bytes: size, crc, method });
    total += packed;
  }
  if (!(total <= bytes.length)) {
    throw reader.fail("the archive's entries overlap, which no honest archive's do");
  }
  return places;
}

/** The end of the directory says where it begins. */
function readEnd(reader: ByteReader): { count: number; offset: number } {
  const { bytes } = reader;
  const lowest = Math.max(0, bytes.length - END_BYTES - MAX_COMMENT_BYTES);
  let at = bytes.length - END_BYTES;
  const isEnd = () =>
    bytes[at] === 0x50 && bytes[at + 1] === 0x4b && bytes[at + 2] === 5 && bytes[at + 3] === 6;
  while (at >= lowest && !isEnd()) at--;
  if (at < lowest) throw reader.fail("it begins as a zip archive, but is cut off: its directory is missing");
  reader.at = at + 10;
  let count = reader.u16();
  reader.skip(4);
  let offset = reader.u32();
  if (count === 0xffff || offset === 0xffffffff) {
    reader.at = Math.max(0, at - 20);
    if (reader.u32() !== 0x07064b50) throw reader.fail("the locator of its Zip64 directory is missing");
    reader.skip(4);
    const end = reader.u64();
    reader.at = 0;
    reader.skip(end);
    if (reader.u32() !== 0x06064b50) throw reader.fail("the end of its Zip64 directory is missing");
    reader.skip(28);
    count = reader.u64();
    reader.skip(8);
    offset = reader.u64();
  }
  if (!(offset <= bytes.length)) {
    throw reader.fail(`its directory should be at byte ${offset}, the file ends before`);
  }
  return { count, offset };
}

/** The size, the packed size and the offset; what does not fit 32 bits is in an extra field. */
function withZip64(extra: ByteReader, values: readonly number[]): number[] {
  const missing = (value: number) => value === 0xffffffff;
  if (!values.some(missing)) return [...values];
  while (extra.left >= 4) {
    const kind = extra.u16();
    const field = new ByteReader(extra.take(extra.u16()), extra.name);
    if (kind === ZIP64_SIZES) return values.map((value) => missing(value) ? field.u64() : value);
  }
  throw extra.fail("an entry's Zip64 sizes are missing");
}
