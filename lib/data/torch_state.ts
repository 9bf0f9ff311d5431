// This module is browser compatible.
/** A PyTorch checkpoint of whatever make as a flat list of tensors: state dicts, wrapped ones, whole modules. */

import { isPickle, isZip, parsePth, type TorchFile } from "./pth.ts";
import { describeValue, PickleRecord, type PickleValue } from "./pickle_values.ts";
import { type FileTensor, parseSafetensors, type SafetensorsFile } from "./safetensors.ts";

/** Keys under which checkpoints keep the weights beside other things, the likeliest first. */
const WRAPPERS = [
  "state_dict",
  "model_state_dict",
  "model_state",
  "model",
  "net",
  "network",
  "weights",
] as const;
/** Keys under which they keep what training needs and nobody else. */
const TRAINING = /optim|sched|scaler/i;
const MAX_DEPTH = 100;
/** Dictionaries, lists and modules looked into. */
const MAX_VISITS = 1_000_000;

/**
 * Reads the weights of a file in any of the formats: safetensors, or a PyTorch checkpoint in either form.
 *
 * @param bytes The whole file.
 * @param name Its name, for errors.
 * @throws {SyntaxError} If it is none of them, cut off, damaged or hostile, or holds no tensors.
 */
export function parseWeights(bytes: Uint8Array, name: string): SafetensorsFile {
  const isTar = bytes[257] === 0x75 && bytes[258] === 0x73 && bytes[259] === 0x74; // PyTorch before 0.2
  const isTorch = isZip(bytes) || isPickle(bytes) || isTar;
  return isTorch && !isSafetensors(bytes) ? torchState(parsePth(bytes, name)) : parseSafetensors(bytes, name);
}

/** A header's length below 2^48, then JSON: a length of 640 bytes alone would look like a pickle. */
function isSafetensors(bytes: Uint8Array): boolean {
  return bytes[6] === 0 && bytes[7] === 0 && bytes[8] === 0x7b;
}

/**
 * All tensors of a checkpoint under their dotted names. Whole modules are walked for their parameters and buffers;
 * a state dict under one of the usual keys is taken out of it; optimisers are left out.
 *
 * @throws {SyntaxError} If there are none, or some cannot be read.
 */
export function torchState(file: TorchFile): SafetensorsFile {
  const collector = new Collector(file);
  collector.visit(unwrap(file), "", 0);
  if (collector.tensors.size === 0) {
    throw new SyntaxError(`Cannot read ${file.name}: it holds no tensors, but ${describeValue(file.root)}`);
  }
  return { metadata: {}, tensors: collector.tensors };
}

/** The state dict or module inside a dictionary of other things. */
function unwrap({ root, tensors }: TorchFile): PickleValue {
  let value = root;
  for (let depth = 0; depth < 4 && value instanceof Map; depth++) {
    const map: ReadonlyMap<PickleValue, PickleValue> = value;
    if ([...map.values()].some((item) => tensors.tensor(item))) break;
    const key = WRAPPERS.find((key) => map.get(key) instanceof Map || isModule(map.get(key)));
    if (key === undefined) break;
    value = map.get(key)!;
  }
  return value;
}

class Collector {
  readonly tensors = new Map<string, FileTensor>();
  readonly #file: TorchFile;
  #visits = 0;

  constructor(file: TorchFile) {
    this.#file = file;
  }

  visit(value: PickleValue, name: string, depth: number): void {
    const tensor = this.#file.tensors.tensor(value);
    if (tensor) {
      this.tensors.set(name || "tensor", tensor);
      return;
    }
    if (Array.isArray(value) && !value.some((item) => item instanceof PickleRecord)) return; // words, sizes, …
    const isContainer = Array.isArray(value) || value instanceof Map || isModule(value);
    if (!isContainer) return;
    if (depth > MAX_DEPTH || ++this.#visits > MAX_VISITS) {
      throw new SyntaxError(
        `Cannot read ${this.#file.name}: its dictionaries or modules are nested more than ${MAX_DEPTH} deep ` +
          `or are more than ${MAX_VISITS}`,
      );
    }
    const visit = (key: unknown, item: PickleValue) =>
      this.visit(item, name ? `${name}.${key}` : `${key}`, depth + 1);
    if (Array.isArray(value)) value.forEach((item, i) => visit(i, item));
    else if (value instanceof Map) {
      for (const [key, item] of value) {
        if (typeof key === "string" ? !TRAINING.test(key) : typeof key === "number") visit(key, item);
      }
    } else for (const [key, item] of moduleItems(value as PickleRecord)) visit(key, item);
  }
}

/** Whether a record is a module of `torch.nn`, of a class made from one, or of TorchScript. */
function isModule(value: PickleValue | undefined): value is PickleRecord {
  if (!(value instanceof PickleRecord)) return false;
  return attributes(value)?.get("_modules") instanceof Map || isScripted(value);
}

/** TorchScript's modules are classes of its own, with tensors and inner modules among their attributes. */
function isScripted(record: PickleRecord): boolean {
  return record.module.startsWith("__torch__") && attributes(record) !== undefined;
}

/** Attributes of a record: its state, or the first half of one with slots. */
export function attributes({ state }: PickleRecord): ReadonlyMap<PickleValue, PickleValue> | undefined {
  const found = Array.isArray(state) ? state[0] : state;
  return found instanceof Map ? found : undefined;
}

/** Parameters, lasting buffers and inner modules, as `state_dict()` lists them. */
function* moduleItems(module: PickleRecord): Generator<[PickleValue, PickleValue]> {
  if (isScripted(module)) {
    yield* attributes(module)!;
    return;
  }
  const of = (key: string) => {
    const found = attributes(module)?.get(key);
    return found instanceof Map ? [...found] : [];
  };
  const fleeting = attributes(module)?.get("_non_persistent_buffers_set");
  yield* of("_parameters");
  for (const [key, item] of of("_buffers")) {
    if (!(fleeting instanceof Set && fleeting.has(key))) yield [key, item];
  }
  yield* of("_modules");
}
