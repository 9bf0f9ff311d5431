// This module is browser compatible.
/** Sums over axes. Not recorded: for the insides of ops. */

import type { Storage } from "../backend/backend.ts";
import { type Shape, sizeOf, Tensor } from "../tensor.ts";
import { runColumnSum } from "./column_sum.ts";

/** What {@linkcode reduceAxes} sums and how. */
export interface Reduction {
  /** Axes to sum over, counted from 0, rising. */
  readonly axes: readonly number[];
  /** Shape of the result. */
  readonly shape: Shape;
  /** Factor of the sums. */
  readonly scale: number;
  readonly label: string;
}

/** `scale · Σ x` over some axes: one run for each group of neighbouring axes, the last first. */
export function reduceAxes(x: Tensor, { axes, shape, scale, label }: Reduction): Tensor {
  const { backend } = x;
  const y = new Tensor(backend, shape, { label });
  const sizes = [...x.shape];
  const groups = groupNeighbours(axes);
  let from: Storage = x.storage;
  groups.toReversed().forEach(({ first, last }, i) => {
    const batch = sizeOf(sizes.slice(0, first));
    const M = sizeOf(sizes.slice(first, last + 1));
    const N = sizeOf(sizes.slice(last + 1));
    sizes.splice(first, last + 1 - first);
    const isLast = i === groups.length - 1;
    const to = isLast ? y.storage : backend.alloc(batch * N);
    runColumnSum(backend, { x: from, y: to }, { batch, M, N, scale: isLast ? scale : 1 });
    if (from !== x.storage) backend.free(from);
    from = to;
  });
  return y;
}

function groupNeighbours(axes: readonly number[]): { first: number; last: number }[] {
  const groups: { first: number; last: number }[] = [];
  for (const axis of axes) {
    const group = groups.at(-1);
    if (group && group.last === axis - 1) group.last = axis;
    else groups.push({ first: axis, last: axis });
  }
  // Without axes the sum is a copy, of "columns" one row long.
  return groups.length > 0 ? groups : [{ first: 0, last: -1 }];
}
