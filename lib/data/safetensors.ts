// This module is browser compatible.
/**
 * The safetensors format: an 8-byte length, a JSON header, then the tensors' bytes, little-endian, row-major.
 * Nothing in such a file is ever executed. Specification: github.com/huggingface/safetensors.
 */

import { bytesOfElements, type DType, DTYPE_BYTES, elementsOf, type TensorArray } from "./dtype.ts";

export type { DType, TensorArray } from "./dtype.ts";

/** A tensor in a file. */
export interface FileTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TensorArray;
}

/** A file's contents. */
export interface SafetensorsFile {
  /** Free text by key. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, FileTensor>;
}

/** The largest header read: the reference implementation's limit. */
const MAX_HEADER_BYTES = 100_000_000;

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/**
 * Reads a whole file.
 *
 * @param bytes The file.
 * @param name Its name, for errors.
 * @throws {SyntaxError} If it is cut off or is not safetensors.
 */
export function parseSafetensors(bytes: Uint8Array, name: string): SafetensorsFile {
  const fail = (what: string) => new SyntaxError(`Cannot read ${name}: ${what}`);
  if (bytes.length < 8) throw fail(`it has ${bytes.length} bytes, a safetensors file has at least 8`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerBytes = Number(view.getBigUint64(0, true));
  if (headerBytes > MAX_HEADER_BYTES) {
    throw fail("it is not a safetensors file, name one that train, demo, download or import wrote");
  }
  const start = 8 + headerBytes;
  if (bytes.length < start) {
    throw fail(`it is cut off: its header ends at byte ${start}, the file at ${bytes.length}`);
  }
  let header: Record<string, unknown>;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.slice(8, start)));
  } catch (error) {
    throw new SyntaxError(`Cannot read ${name}: it is not a safetensors file (its header is not JSON)`, {
      cause: error,
    });
  }
  if (Object(header) !== header) throw fail("it is not a safetensors file (its header is no object)");
  const tensors = new Map<string, FileTensor>();
  for (const [key, value] of Object.entries(header)) {
    if (key === "__metadata__") continue;
    if (!isEntry(value)) throw fail(`the header's entry "${key}" has no dtype, shape and data_offsets`);
    tensors.set(key, readTensor(bytes, start, { key, entry: value, fail }));
  }
  return { metadata: (header.__metadata__ ?? {}) as Record<string, string>, tensors };
}

function isEntry(value: unknown): value is Entry {
  const entry = value as Partial<Entry> | null;
  const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
  return typeof entry?.dtype === "string" && Array.isArray(entry.shape) && entry.shape.every(isCount) &&
    Array.isArray(entry.data_offsets) && entry.data_offsets.length === 2 && entry.data_offsets.every(isCount);
}

function readTensor(
  bytes: Uint8Array,
  start: number,
  { key, entry, fail }: { key: string; entry: Entry; fail: (what: string) => SyntaxError },
): FileTensor {
  const { dtype, shape, data_offsets: [from, to] } = entry;
  if (!Object.hasOwn(DTYPE_BYTES, dtype)) {
    throw fail(`"${key}" has the type ${dtype}, known are ${Object.keys(DTYPE_BYTES).join(", ")}`);
  }
  const type = dtype as DType; // just checked
  const elements = shape.reduce((product, size) => product * size, 1);
  if (!(from >= 0 && to - from === elements * DTYPE_BYTES[type])) {
    throw fail(
      `"${key}" [${shape.join(", ")}] takes ${elements * DTYPE_BYTES[type]} bytes, its place has ${
        to - from
      }`,
    );
  }
  if (start + to > bytes.length) {
    throw fail(`it is cut off: "${key}" ends at byte ${start + to}, the file at ${bytes.length}`);
  }
  const own = bytes.slice(start + from, start + to); // a copy: aligned, and the file's bytes can go
  return { dtype: type, shape, data: elementsOf(type, own) };
}

/**
 * The parts of a file, in order: write them one after the other. Tensors lie in the order of their names, so that
 * equal contents give equal bytes.
 *
 * @throws {RangeError} If a tensor's data do not fill its shape.
 */
export function serialiseSafetensors(file: SafetensorsFile): Uint8Array[] {
  const names = [...file.tensors.keys()].sort();
  const header: Record<string, unknown> = { __metadata__: file.metadata };
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const name of names) {
    const { dtype, shape, data } = file.tensors.get(name)!;
    const bytes = bytesOfElements(dtype, data);
    if (shape.reduce((product, size) => product * size, 1) * DTYPE_BYTES[dtype] !== bytes.byteLength) {
      throw new RangeError(
        `Cannot write "${name}": its shape [${shape.join(", ")}] does not fit ${data.length} numbers`,
      );
    }
    header[name] = { dtype, shape, data_offsets: [offset, offset + bytes.byteLength] };
    offset += bytes.byteLength;
    parts.push(bytes);
  }
  let text = new TextEncoder().encode(JSON.stringify(header));
  const padding = (8 - text.length % 8) % 8; // so that the tensors are aligned
  text = Uint8Array.from([...text, ...new Array<number>(padding).fill(0x20)]);
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(text.length), true);
  return [length, text, ...parts];
}
