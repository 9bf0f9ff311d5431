// This module runs in Deno only.
/** Zip archives for tests, honest and hostile ones (APPNOTE.TXT 4.3). */

import { crc32, deflateRawSync } from "node:zlib";

/** An entry of {@linkcode zipOf}; what it claims may be a lie. */
export interface ZipEntry {
  readonly name: string;
  readonly data: Uint8Array;
  /** Default: stored. */
  readonly deflate?: boolean;
  /** Unpacked size that the headers claim. */
  readonly claimedBytes?: number;
  /** The directory points to the data of the entry before. */
  readonly overlaps?: boolean;
}

/** An archive of the entries. */
export function zipOf(entries: readonly ZipEntry[]): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  let at = 0;
  const push = (bytes: Uint8Array) => {
    parts.push(bytes);
    offset += bytes.length;
  };
  for (const { name, data, deflate = false, claimedBytes = data.length, overlaps = false } of entries) {
    const packed = deflate ? deflateRawSync(data) : data;
    const rawName = new TextEncoder().encode(name);
    // flags (names are UTF-8), method, time, date; CRC, sizes; lengths of the name and of the extra field
    const sizes = [crc32(data), packed.length, claimedBytes, rawName.length, 0];
    const common = fields("222244422", 0x800, deflate ? 8 : 0, 0, 0x21, ...sizes);
    if (!overlaps) {
      at = offset;
      for (const bytes of [fields("42", 0x04034b50, 20), common, rawName, packed]) push(bytes);
    }
    directory.push(fields("422", 0x02014b50, 20, 20), common, fields("22244", 0, 0, 0, 0, at), rawName);
  }
  const start = offset;
  directory.forEach(push);
  const { length } = entries;
  push(fields("42222442", 0x06054b50, 0, 0, length, length, offset - start, start, 0));
  const archive = new Uint8Array(offset);
  parts.reduce((position, part) => (archive.set(part, position), position + part.length), 0);
  return archive;
}

/** Little-endian numbers, each of 2 or 4 bytes as the digits of `sizes` say. */
function fields(sizes: string, ...values: number[]): Uint8Array {
  const out = new DataView(new ArrayBuffer([...sizes].reduce((sum, size) => sum + Number(size), 0)));
  let at = 0;
  for (const [i, value] of values.entries()) {
    if (sizes[i] === "2") out.setUint16(at, value, true);
    else out.setUint32(at, value, true);
    at += Number(sizes[i]);
  }
  return new Uint8Array(out.buffer);
}
