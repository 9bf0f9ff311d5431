// This module is browser compatible.
/** Elementwise arithmetic with broadcasting. */

import { record } from "../record.ts";
import type { Tensor } from "../tensor.ts";
import { binary, sumToShape } from "./broadcast.ts";
import { scale } from "./scale.ts";

/**
 * `a + b`, elementwise. Shapes are aligned at their last axes; an axis of size 1, or none, repeats.
 *
 * @throws {RangeError} If the shapes do not fit.
 */
export function add(a: Tensor, b: Tensor): Tensor {
  return record(binary("add", a, b), [a, b], ([dY], needed) => [
    needed[0] ? sumToShape(dY!, a.shape) : undefined,
    needed[1] ? sumToShape(dY!, b.shape) : undefined,
  ]);
}

/**
 * `a - b`, elementwise with broadcasting as in {@linkcode add}.
 *
 * @throws {RangeError} If the shapes do not fit.
 */
export function sub(a: Tensor, b: Tensor): Tensor {
  return record(binary("subtract", a, b), [a, b], ([dY], needed) => [
    needed[0] ? sumToShape(dY!, a.shape) : undefined,
    needed[1] ? scale(sumToShape(dY!, b.shape), -1) : undefined,
  ]);
}

/**
 * `a * b`, elementwise with broadcasting as in {@linkcode add}.
 *
 * @throws {RangeError} If the shapes do not fit.
 */
export function mul(a: Tensor, b: Tensor): Tensor {
  return record(binary("multiply", a, b), [a, b], ([dY], needed) => [
    needed[0] ? sumToShape(binary("multiply", dY!, b), a.shape) : undefined,
    needed[1] ? sumToShape(binary("multiply", dY!, a), b.shape) : undefined,
  ]);
}

/**
 * `a / b`, elementwise with broadcasting as in {@linkcode add}.
 *
 * @throws {RangeError} If the shapes do not fit.
 */
export function div(a: Tensor, b: Tensor): Tensor {
  const y = binary("divide", a, b);
  return record(y, [a, b], ([dY], needed) => {
    const dA = binary("divide", dY!, b);
    return [
      needed[0] ? sumToShape(dA, a.shape) : undefined,
      needed[1] ? scale(sumToShape(binary("multiply", dA, y), b.shape), -1) : undefined,
    ];
  });
}

/** `x * x`, elementwise. */
export function square(x: Tensor): Tensor {
  return mul(x, x);
}

/** `-x`, elementwise. */
export function neg(x: Tensor): Tensor {
  return scale(x, -1);
}
