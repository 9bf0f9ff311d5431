// This module is browser compatible.
/** PyTorch's element types and storages. */

import type { ByteReader } from "./byte_reader.ts";
import { PickleClass, type PickleValue } from "./pickle_values.ts";
import type { DType } from "./safetensors.ts";

/** An element type: its bytes, and our name where it is read. */
export interface TorchType {
  readonly name: string;
  readonly bytes: number;
  readonly dtype?: DType;
}

const type = (name: string, bytes: number, dtype?: DType): TorchType => ({ name, bytes, dtype });
const BYTE = type("uint8", 1, "U8");

/** By the name of its storage's class, as pickles name it, and by its dtype's. */
const STORAGES: Readonly<Record<string, TorchType>> = {
  FloatStorage: type("float32", 4, "F32"),
  DoubleStorage: type("float64", 8, "F64"),
  HalfStorage: type("float16", 2, "F16"),
  BFloat16Storage: type("bfloat16", 2, "BF16"),
  LongStorage: type("int64", 8, "I64"),
  IntStorage: type("int32", 4, "I32"),
  ShortStorage: type("int16", 2, "I16"),
  CharStorage: type("int8", 1, "I8"),
  ByteStorage: BYTE,
  BoolStorage: type("bool", 1, "BOOL"),
  UntypedStorage: BYTE,
  _UntypedStorage: BYTE,
  ComplexFloatStorage: type("complex64", 8),
  ComplexDoubleStorage: type("complex128", 16),
  QInt8Storage: type("qint8", 1),
  QUInt8Storage: type("quint8", 1),
  QInt32Storage: type("qint32", 4),
};

/** The type of a storage's class, e.g. `torch.FloatStorage` or `torch.cuda.HalfStorage`; undefined for others. */
function storageType(value: PickleValue): TorchType | undefined {
  if (!(value instanceof PickleClass) || !value.module.startsWith("torch")) return undefined;
  return Object.hasOwn(STORAGES, value.name) ? STORAGES[value.name] : undefined;
}

/** A storage as a pickle refers to it. */
export interface StorageId {
  readonly key: string;
  readonly type: TorchType;
  /** Elements in all. */
  readonly length: number;
  /** The older form's part of another storage. */
  readonly view?: { readonly key: string; readonly offset: number; readonly length: number };
}

/**
 * Reads the tuple that stands for a storage: ("storage", class, key, device, elements), in the older form with a
 * part of another storage behind them.
 *
 * @throws {SyntaxError} If it is anything else.
 */
export function readStorageId(id: PickleValue, reader: ByteReader): StorageId {
  const parts = Array.isArray(id) ? id : [];
  const [kind, storageClass, key, , length, view = null] = parts;
  const type = kind === "storage" ? storageType(storageClass) : undefined;
  if (!type || typeof key !== "string" || !isCount(length)) {
    const path = storageClass instanceof PickleClass ? ` of ${storageClass.path}` : "";
    throw reader.fail(`it refers to a storage${path} that this version does not know`);
  }
  if (view === null) return { key, type, length };
  const [viewKey, offset, viewLength] = Array.isArray(view) ? view : [];
  if (typeof viewKey !== "string" || !isCount(offset) || !isCount(viewLength)) {
    throw reader.fail(`the storage ${key} is a part of another, but of which and where is not told`);
  }
  return { key, type, length, view: { key: viewKey, offset, length: viewLength } };
}

/** Whether a value is a whole number from 0 on. */
export function isCount(value: PickleValue | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
