// This module is browser compatible.
import { fillKernel } from "../../kernels/elementwise.ts";
import type { Backend } from "../backend/backend.ts";
import { type Shape, Tensor, type TensorOptions } from "../tensor.ts";

/** A tensor of one value, written on the device. Its label is "filled" by default. */
export function filled(backend: Backend, shape: Shape, value: number, options: TensorOptions = {}): Tensor {
  const y = new Tensor(backend, shape, { label: "filled", ...options });
  backend.run(fillKernel, { y: y.storage }, { count: y.length, value });
  return y;
}

/** A tensor of zeros. */
export function zeros(backend: Backend, shape: Shape, options?: TensorOptions): Tensor {
  return filled(backend, shape, 0, options);
}
