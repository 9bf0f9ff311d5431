// This module is browser compatible.
/** Writes the pickle inside a PyTorch checkpoint, with the instructions that its careful reader accepts, no others. */

import { rowStrides } from "./gather.ts";
import type { DType, FileTensor } from "./safetensors.ts";

/** What a checkpoint may hold: ordered dictionaries become PyTorch's state dicts. */
export type TorchValue = FileTensor | ReadonlyMap<string, TorchValue>;

/** Storage classes of the types. */
const STORAGES: Readonly<Partial<Record<DType, string>>> = {
  F32: "FloatStorage",
  F64: "DoubleStorage",
  F16: "HalfStorage",
  BF16: "BFloat16Storage",
  I64: "LongStorage",
  I32: "IntStorage",
  I16: "ShortStorage",
  I8: "CharStorage",
  U8: "ByteStorage",
  BOOL: "BoolStorage",
};

const INT32 = 2 ** 31;

/**
 * A pickle of protocol 2.
 *
 * @returns The pickle, and the tensors in the order of their storages' numbers.
 * @throws {RangeError} If a tensor has a type that PyTorch lacks.
 */
export function writePickle(
  value: TorchValue,
): { readonly pickle: Uint8Array; readonly storages: FileTensor[] } {
  const writer = new PickleWriter();
  writer.value(value);
  return { pickle: Uint8Array.from([0x80, 2, ...writer.bytes, 0x2e]), storages: writer.storages };
}

class PickleWriter {
  readonly bytes: number[] = [];
  readonly storages: FileTensor[] = [];

  value(value: TorchValue): void {
    if (value instanceof Map) this.dictionary(value);
    else this.tensor(value as FileTensor); // what is left
  }

  /** ASCII, instructions too. */
  letters(text: string): void {
    for (const letter of text) this.bytes.push(letter.charCodeAt(0));
  }

  /** A whole number from 0 on. */
  number(value: number): void {
    const view = new DataView(new ArrayBuffer(8));
    view.setBigInt64(0, BigInt(value), true);
    if (value < INT32) this.bytes.push(0x4a, ...new Uint8Array(view.buffer, 0, 4));
    else this.bytes.push(0x8a, 8, ...new Uint8Array(view.buffer));
  }

  text(value: string): void {
    const bytes = new TextEncoder().encode(value);
    const view = new DataView(new ArrayBuffer(4));
    view.setUint32(0, bytes.length, true);
    this.bytes.push(0x58, ...new Uint8Array(view.buffer), ...bytes);
  }

  dictionary(items: ReadonlyMap<string, TorchValue>): void {
    this.letters("ccollections\nOrderedDict\n)R(");
    for (const [key, item] of items) {
      this.text(key);
      this.value(item);
    }
    this.letters("u");
  }

  /** `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks)`. */
  tensor(tensor: FileTensor): void {
    const storage = STORAGES[tensor.dtype];
    if (!storage) throw new RangeError(`Cannot write a tensor of ${tensor.dtype}: PyTorch has no such type`);
    this.letters("ctorch._utils\n_rebuild_tensor_v2\n((");
    this.text("storage");
    this.letters(`ctorch\n${storage}\n`);
    this.text(String(this.storages.length));
    this.text("cpu");
    this.number(tensor.data.length);
    this.letters("tQ");
    this.number(0);
    for (const list of [tensor.shape, rowStrides(tensor.shape)]) {
      this.letters("(");
      for (const number of list) this.number(number);
      this.letters("t");
    }
    this.bytes.push(0x89);
    this.letters("ccollections\nOrderedDict\n)RtR");
    this.storages.push(tensor);
  }
}
