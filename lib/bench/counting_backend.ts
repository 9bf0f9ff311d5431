// This module is browser compatible.
import type { Kernel } from "../../kernels/kernel.ts";
import type { Storage } from "../backend/backend.ts";
import { ObservedBackend } from "./observed_backend.ts";

/** A backend that counts the arithmetic of products and convolutions, which is nearly all there is. */
export class CountingBackend extends ObservedBackend {
  /** Floating point operations, a multiply-add counted as two. */
  operations = 0;

  override run<B extends string, P extends string>(
    kernel: Kernel<B, P>,
    buffers: Readonly<Record<B, Storage>>,
    params: Readonly<Record<P, number>>,
  ): void {
    this.operations += operationsOf(kernel.name, params);
    super.run(kernel, buffers, params);
  }
}

/** Floating point operations of one run; 0 for kernels that are no product. */
function operationsOf(name: string, params: Readonly<Record<string, number>>): number {
  if (name === "matmul") {
    const { M, N, K, batch } = params;
    return 2 * M * N * K * batch;
  }
  if (!/^conv2d(_backward_(input|weight))?$/.test(name)) return 0;
  const { batch, out_height, out_width, kernel_height, kernel_width, in_channels, out_channels } = params;
  const { groups = 1 } = params;
  const inner = kernel_height * kernel_width * in_channels / groups;
  return 2 * batch * out_height * out_width * out_channels * inner;
}
