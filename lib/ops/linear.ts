// This module is browser compatible.
import type { Relu } from "../../kernels/relu.ts";
import { record } from "../record.ts";
import { Tensor } from "../tensor.ts";
import { behindRelu } from "./behind_relu.ts";
import { columnSum } from "./column_sum.ts";
import { product } from "./product.ts";

/** Parameters of a linear layer. */
export interface LinearLayer {
  /** [O, I], as PyTorch stores it. */
  readonly weight: Tensor;
  /** [O]. */
  readonly bias?: Tensor;
}

/** Options of {@linkcode linear}. */
export interface LinearOptions {
  /** What is applied to the result, without a pass of its own. Default "none". */
  readonly activation?: Relu;
}

/**
 * Linear layer: `y = x · weightᵀ + bias`, then an activation where asked for.
 *
 * @param x [..., I].
 * @returns [..., O].
 * @throws {RangeError} If the sizes do not fit.
 */
export function linear(
  x: Tensor,
  { weight, bias }: LinearLayer,
  { activation = "none" }: LinearOptions = {},
): Tensor {
  const I = x.shape.at(-1)!;
  const [O, inner] = weight.shape;
  if (weight.shape.length !== 2 || inner !== I || (bias && bias.length !== O)) {
    throw new RangeError(
      `Cannot apply the linear layer ${weight}${bias ? ` with ${bias}` : ""} to ${x}: ` +
        `the weight must be [outputs, ${I}] and the bias [outputs]`,
    );
  }
  const rows = x.length / I;
  const y = new Tensor(x.backend, [...x.shape.slice(0, -1), O], { type: x.type, label: "linear" });
  product({ a: x, b: weight, c: y, M: rows, N: O, K: I, transposeB: true, bias, activation });
  return record(y, bias ? [x, weight, bias] : [x, weight], ([dOutput], needed) => {
    const dY = behindRelu(y, dOutput!, activation);
    let dX: Tensor | undefined;
    let dWeight: Tensor | undefined;
    if (needed[0]) {
      dX = new Tensor(x.backend, x.shape, { type: x.type, label: "d_x" });
      product({ a: dY, b: weight, c: dX, M: rows, N: I, K: O });
    }
    if (needed[1]) {
      dWeight = new Tensor(x.backend, weight.shape, { label: "d_weight" });
      product({ a: dY, b: x, c: dWeight, M: O, N: I, K: rows, transposeA: true });
    }
    return [dX, dWeight, needed[2] ? columnSum(dY, O) : undefined];
  });
}
