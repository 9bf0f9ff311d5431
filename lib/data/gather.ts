// This module is browser compatible.
/** Tensors that lie scattered in their storage, brought into rows. */

import type { TensorArray } from "./dtype.ts";

/** How a tensor lies in a storage, counted in elements. */
export interface Strided {
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** Elements that may still be copied: a hostile file could name the same storage again and again. */
export interface CopyBudget {
  elements: number;
}

/**
 * The tensor's elements in rows: a view where they lie so already, else a copy.
 *
 * @param storage All elements.
 * @returns Undefined where they do not fit into the storage, or are more than `budget` allows.
 */
export function gather(
  storage: TensorArray,
  { offset, shape, strides }: Strided,
  budget: CopyBudget,
): TensorArray | undefined {
  const count = shape.reduce((product, size) => product * size, 1);
  if (count === 0) return storage.subarray(0, 0);
  const last = shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis], offset);
  if (!(last < storage.length)) return undefined;
  if (isContiguous(shape, strides)) return storage.subarray(offset, offset + count);
  budget.elements -= count;
  if (!(budget.elements >= 0)) return undefined;
  const result = storage.slice(0, 0).constructor as new (length: number) => TensorArray;
  const copy = new result(count);
  const index = new Array<number>(shape.length).fill(0);
  for (let i = 0, at = offset; i < count; i++) {
    copy[i] = storage[at];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += strides[axis];
      if (++index[axis] < shape[axis]) break;
      at -= shape[axis] * strides[axis];
      index[axis] = 0;
    }
  }
  return copy;
}

/** Strides of a tensor in rows. */
export function rowStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1] * shape[axis + 1];
  return strides;
}

function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  const rows = rowStrides(shape);
  return shape.every((size, axis) => size === 1 || strides[axis] === rows[axis]);
}
