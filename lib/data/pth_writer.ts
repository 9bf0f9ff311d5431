// This module is browser compatible.
/** Writes PyTorch checkpoints that `torch.load` reads: a zip archive of a pickle and the storages, nothing packed. */

import { crc32 } from "./crc32.ts";
import { bytesOfElements } from "./dtype.ts";
import { type TorchValue, writePickle } from "./pickle_writer.ts";

/** PyTorch lays storages at multiples of this, so that they can be mapped into memory. */
const ALIGNMENT = 64;
const HEADER_BYTES = 30;
const LARGEST = 0xffff_ffff;
/** Midnight of 1 January 1980, the earliest that zip knows: equal contents give equal bytes. */
const DATE = 0x21;
const NAMES_ARE_UTF8 = 0x800;

/**
 * The parts of a checkpoint, in order: write them one after the other.
 *
 * @param value Dictionaries become `OrderedDict`s, tensors CPU tensors.
 * @throws {RangeError} If it would be 4 GiB or more, or a tensor has a type that PyTorch lacks.
 */
export function serialisePth(value: TorchValue): Uint8Array[] {
  const { pickle, storages } = writePickle(value);
  const zip = new ZipWriter();
  zip.add("archive/data.pkl", pickle);
  zip.add("archive/byteorder", new TextEncoder().encode("little"));
  storages.forEach(({ dtype, data }, i) => zip.add(`archive/data/${i}`, bytesOfElements(dtype, data)));
  zip.add("archive/version", new TextEncoder().encode("3\n"));
  return zip.finish();
}

/** APPNOTE.TXT 4.3, entries stored as they are. */
class ZipWriter {
  readonly #parts: Uint8Array[] = [];
  readonly #directory: Uint8Array[] = [];
  #at = 0;

  add(name: string, bytes: Uint8Array): void {
    const rawName = new TextEncoder().encode(name);
    const start = this.#at;
    const unpadded = start + HEADER_BYTES + rawName.length + 4;
    const padding = (ALIGNMENT - unpadded % ALIGNMENT) % ALIGNMENT;
    if (unpadded + padding + bytes.length > LARGEST) {
      throw new RangeError(
        `Cannot write "${name}": the checkpoint would be 4 GiB or more, write safetensors instead`,
      );
    }
    // flags, method, time, date; CRC, packed and unpacked size; length of the name
    const sizes = [crc32(bytes), bytes.length, bytes.length, rawName.length];
    const common = fields("22224442", NAMES_ARE_UTF8, 0, 0, DATE, ...sizes);
    this.#push(fields("42", 0x04034b50, 20), common, fields("2", 4 + padding), rawName);
    this.#push(fields("22", 0x4246, padding), new Uint8Array(padding), bytes); // an extra field that only fills
    this.#directory.push(
      fields("422", 0x02014b50, 20, 20),
      common,
      fields("222244", 0, 0, 0, 0, 0, start),
      rawName,
    );
  }

  finish(): Uint8Array[] {
    const start = this.#at;
    const count = this.#directory.length / 4;
    this.#push(...this.#directory);
    this.#push(fields("42222442", 0x06054b50, 0, 0, count, count, this.#at - start, start, 0));
    return this.#parts;
  }

  #push(...parts: Uint8Array[]): void {
    for (const part of parts) {
      this.#parts.push(part);
      this.#at += part.length;
    }
  }
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
