// This module is browser compatible.
/** The few classes that are plain data in another dress; every other one becomes an inert record. */

import { latin1Bytes } from "./byte_reader.ts";
import { PickleClass, PickleRecord, type PickleValue } from "./pickle_values.ts";

type Build = (args: readonly PickleValue[]) => PickleValue | undefined;

const list: Build = ([items = []]) => iterable(items);
const set: Build = ([items = []]) => {
  const values = iterable(items);
  return values && new Set(values);
};
const map: Build = ([items = []]) => {
  if (items instanceof Map) return new Map(items);
  const pairs = iterable(items);
  const isPair = (pair: PickleValue) => Array.isArray(pair) && pair.length === 2;
  return pairs?.every(isPair) ? new Map(pairs as [PickleValue, PickleValue][]) : undefined;
};
const bytes: Build = ([content = new Uint8Array()]) => {
  if (content instanceof Uint8Array) return content;
  return typeof content === "string" ? latin1Bytes(content) : undefined;
};

/** What makes a value out of the arguments; undefined where they are not as they should be. */
const KNOWN: Readonly<Record<string, Build>> = {
  "collections.OrderedDict": map,
  "collections.Counter": map,
  "collections.defaultdict": ([, items = []]) => map([items]), // its first argument makes defaults
  "builtins.dict": map,
  "builtins.list": list,
  "builtins.tuple": list,
  "builtins.set": set,
  "builtins.frozenset": set,
  "builtins.bytes": bytes,
  "builtins.bytearray": bytes,
  "torch.Size": list,
  // bytes as protocols before 3 write them: a text and how to encode it
  "_codecs.encode": ([text, encoding]) => encoding === "latin1" ? bytes([text]) : undefined,
};

/**
 * What calling `type` with `args` stands for: data where it is one of the few forms of data, else an inert record.
 *
 * @param type What is called; anything but a class is named after what it is made of.
 */
export function inertCall(type: PickleValue, args: readonly PickleValue[]): PickleValue | undefined {
  if (type instanceof PickleRecord) {
    const { module, name } = type;
    return new PickleRecord(new PickleClass(module, `${name}(…)`), args);
  }
  if (!(type instanceof PickleClass)) return undefined;
  const path = type.path.replace(/^__builtin__\./, "builtins."); // Python 2's name
  // objects of a class without a `__reduce__` of its own: copy_reg is Python 2's name
  if (/^copy_?reg\.(_reconstructor|__newobj__|__newobj_ex__)$/.test(path) && args[0] instanceof PickleClass) {
    const [inner, ...rest] = args;
    return path.endsWith("_reconstructor") ? inertCall(inner, []) : inertCall(inner, rest);
  }
  return Object.hasOwn(KNOWN, path)
    ? KNOWN[path](args) ?? new PickleRecord(type, args)
    : new PickleRecord(type, args);
}

function iterable(value: PickleValue): PickleValue[] | undefined {
  if (Array.isArray(value)) return value; // shared, as nothing changes it later
  return value instanceof Set ? [...value] : undefined;
}
