// This module is browser compatible.
/** What a pickle becomes: plain data. */

/**
 * A value out of a pickle. Lists and tuples are arrays, dictionaries (ordered ones, defaults and counters too) maps,
 * whole numbers beyond 2^53 bigints. A dictionary's keys compare as in JavaScript: two equal tuples are two keys.
 */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | Set<PickleValue>
  | PickleClass
  | PickleRecord;

/** A class or function that a pickle names. Only its name: nothing is looked up, nothing is imported. */
export class PickleClass {
  readonly module: string;
  readonly name: string;

  constructor(module: string, name: string) {
    this.module = module;
    this.name = name;
  }

  /** E.g. "torch.nn.modules.conv.Conv2d". */
  get path(): string {
    return `${this.module}.${this.name}`;
  }
}

/**
 * What a pickle would have made by calling something: inert, the name and what would have been handed over. A pickle
 * that says `os.system("…")` becomes a record with the module "os", the name "system" and one argument.
 */
export class PickleRecord {
  readonly type: PickleClass;
  readonly args: readonly PickleValue[];
  /** What would have become its attributes, or been handed to its `__setstate__`. */
  state: PickleValue | undefined;
  /** What would have been appended to it. */
  readonly items: PickleValue[] = [];
  /** What would have been set in it by key. */
  readonly entries = new Map<PickleValue, PickleValue>();

  constructor(type: PickleClass, args: readonly PickleValue[]) {
    this.type = type;
    this.args = args;
  }

  get module(): string {
    return this.type.module;
  }

  get name(): string {
    return this.type.name;
  }
}

/** What a value is, for errors: "a dictionary of 5 with the keys epoch, encoder, …". */
export function describeValue(value: PickleValue | undefined): string {
  if (value === undefined) return "nothing";
  if (value === null) return "None";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value instanceof Map) {
    const keys = [...value.keys()].slice(0, 8).map((key) => typeof key === "string" ? key : typeof key);
    const more = value.size > 8 ? ", …" : "";
    return value.size === 0
      ? "an empty dictionary"
      : `a dictionary of ${value.size} with the keys ${keys.join(", ")}${more}`;
  }
  if (value instanceof Set) return `a set of ${value.size}`;
  if (value instanceof PickleClass) return `the class ${value.path}`;
  if (value instanceof PickleRecord) return `a ${value.type.path}`;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  return `the ${typeof value === "bigint" ? "number" : typeof value} ${
    JSON.stringify(String(value).slice(0, 40))
  }`;
}
