// This module is browser compatible.
/**
 * PyTorch's checkpoints (`torch.save`) in both their forms: a zip archive with a pickle beside its storages, and the
 * older stream of pickles with the storages behind them. Nothing in them is ever executed.
 */

import { ByteReader } from "./byte_reader.ts";
import { unpickle } from "./pickle.ts";
import type { PickleValue } from "./pickle_values.ts";
import { TorchTensors } from "./torch_tensors.ts";
import type { StorageId } from "./torch_types.ts";
import { ZipBytes } from "./zip_bytes.ts";

/** What begins the older form. */
const STREAM_MAGIC = 0x1950a86a20f9469cfc6cn;
const STREAM_PROTOCOL = 1001;

/** A checkpoint: what its pickle says, and the way from its records to tensors. */
export interface TorchFile {
  readonly name: string;
  readonly root: PickleValue;
  readonly tensors: TorchTensors;
}

/** Whether bytes begin as a zip archive. */
export function isZip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4;
}

/** Whether bytes begin as a pickle of protocol 2 or later, as the older form does. */
export function isPickle(bytes: Uint8Array): boolean {
  return bytes[0] === 0x80 && bytes[1] >= 2 && bytes[1] <= 5;
}

/**
 * Reads a checkpoint.
 *
 * @param bytes The whole file; its tensors are views of it where that is possible.
 * @param name Its name, for errors.
 * @throws {SyntaxError} If it is no checkpoint, cut off, damaged or hostile.
 */
export function parsePth(bytes: Uint8Array, name: string): TorchFile {
  const reader = new ByteReader(bytes, name);
  if (isZip(bytes)) return parseZip(reader);
  if (isPickle(bytes)) return parseStream(reader);
  const isTar = new TextDecoder().decode(bytes.subarray(257, 262)) === "ustar";
  if (isTar) {
    throw reader.fail(
      "it is a tar archive, as PyTorch wrote before version 0.2: load it with PyTorch and save it again with torch.save",
    );
  }
  const start = [...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  throw reader.fail(
    `it is no PyTorch checkpoint: those begin with a zip archive's 50 4b 03 04 or a pickle's 80 02, this with ${
      start || "nothing"
    }`,
  );
}

function parseZip(reader: ByteReader): TorchFile {
  const { bytes, name } = reader;
  const zip = new ZipBytes(bytes, name);
  const pickleName = zip.names.find((entry) => /^[^/]+\/data\.pkl$/.test(entry) || entry === "data.pkl");
  if (pickleName === undefined) {
    const some = zip.names.slice(0, 4).join(", ");
    throw reader.fail(
      `it is a zip archive without a data.pkl, which torch.save writes; it holds ${some || "nothing"}`,
    );
  }
  const folder = pickleName.slice(0, -"data.pkl".length);
  const order = `${folder}byteorder`;
  if (zip.has(order) && new TextDecoder().decode(zip.read(order)) !== "little") throw reader.fail(BIG_ENDIAN);
  const pickle = new ByteReader(zip.read(pickleName), name);
  const tensors = new TorchTensors(reader);
  const root = unpickle(pickle, { persistent: tensors.persistent });
  const cache = new Map<string, Uint8Array>();
  tensors.bytesOf = ({ key }) => {
    const found = cache.get(key) ?? zip.read(`${folder}data/${key}`);
    cache.set(key, found);
    return found;
  };
  return { name, root, tensors };
}

const BIG_ENDIAN = "its numbers are big-endian: load it with PyTorch on a common machine and save it there";

function parseStream(reader: ByteReader): TorchFile {
  const magic = unpickle(reader);
  if (magic !== STREAM_MAGIC) {
    throw reader.fail("it is a pickle, but not one that torch.save wrote: its magic number is missing");
  }
  const protocol = unpickle(reader);
  if (protocol !== STREAM_PROTOCOL) {
    throw reader.fail(`its protocol is ${protocol}, known is ${STREAM_PROTOCOL}`);
  }
  const system = unpickle(reader);
  if (system instanceof Map && system.get("little_endian") === false) throw reader.fail(BIG_ENDIAN);
  const tensors = new TorchTensors(reader);
  const root = unpickle(reader, { persistent: tensors.persistent });
  const keys = unpickle(reader);
  if (!Array.isArray(keys)) throw reader.fail("the list of its storages is missing");
  const storages = readStorages(reader, keys, tensors.storages);
  tensors.bytesOf = ({ key, view, type }) => {
    const found = storages.get(key);
    if (!found) throw reader.fail(`the storage ${key} is not in it`);
    if (!view) return found;
    return new ByteReader(found, reader.name).bytes.subarray(
      view.offset * type.bytes,
      (view.offset + view.length) * type.bytes,
    );
  };
  return { name: reader.name, root, tensors };
}

/** Each storage: its count of elements, then its bytes. */
function readStorages(
  reader: ByteReader,
  keys: readonly PickleValue[],
  ids: readonly StorageId[],
): Map<PickleValue, Uint8Array> {
  const types = new Map(ids.map(({ key, type }) => [key, type]));
  const storages = new Map<PickleValue, Uint8Array>();
  for (const key of keys) {
    const type = typeof key === "string" ? types.get(key) : undefined;
    if (!type) throw reader.fail(`it holds a storage ${String(key).slice(0, 40)} that nothing refers to`);
    storages.set(key, reader.take(reader.u64() * type.bytes));
  }
  return storages;
}
