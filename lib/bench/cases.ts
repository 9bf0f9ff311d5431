// This module is browser compatible.
/** The kernels' standard works. */

import type { ConvPass, ConvWork, ElementwiseOp, KernelWork, MatmulWork } from "./work.ts";

const PASSES: readonly ConvPass[] = ["forward", "input gradient", "weight gradient"];

/** Numbers in the matrices of works that memory bounds: 32 MiB, more than caches hold. */
const LARGE = [2048, 4096] as const;

function matmul(M: number, K: number, N: number): MatmulWork {
  return { kind: "matmul", name: `matmul ${M}x${K}x${N}`, M, N, K, transposeB: false };
}

/** `x [M, K] · weight [N, K]ᵀ`. */
function linear(M: number, K: number, N: number): MatmulWork {
  return { kind: "matmul", name: `linear ${M}x${K}x${N}`, M, N, K, transposeB: true };
}

/** A convolution that keeps its size at stride 1, and its two gradients. */
function convs(
  shape: Pick<ConvWork, "batch" | "size" | "inputs" | "outputs" | "kernel" | "stride">,
): ConvWork[] {
  const { batch, size, inputs, outputs, kernel, stride } = shape;
  const strides = stride > 1 ? ` stride ${stride}` : "";
  const title = `conv ${kernel}x${kernel} ${inputs}-${outputs}${strides} ${batch}x${size}x${size}`;
  return PASSES.map((pass) => ({
    kind: "conv2d",
    name: pass === "forward" ? title : `${title} ${pass}`,
    pass,
    padding: (kernel - 1) / 2,
    ...shape,
  }));
}

function elementwise(op: ElementwiseOp): KernelWork {
  const [rows, columns] = LARGE;
  return { kind: "elementwise", name: `${op} ${rows}x${columns}`, op, rows, columns };
}

/** Names are `M x K x N` for products, `kernel inputs-outputs batch x rows x columns` for convolutions. */
export const KERNEL_WORKS: readonly KernelWork[] = [
  matmul(512, 512, 512),
  matmul(1024, 1024, 1024),
  matmul(64, 1024, 2048),
  linear(16, 256, 1024), // the LSTM's gates, of a batch of 16
  matmul(16, 1024, 256), // and their gradient
  linear(16, 256, 2048), // scores of 2,048 words
  ...convs({ batch: 8, size: 56, inputs: 64, outputs: 64, kernel: 3, stride: 1 }),
  ...convs({ batch: 8, size: 56, inputs: 64, outputs: 64, kernel: 3, stride: 2 }),
  ...convs({ batch: 8, size: 56, inputs: 64, outputs: 256, kernel: 1, stride: 1 }),
  elementwise("copy"),
  elementwise("add"),
  elementwise("sigmoid"),
  elementwise("transpose"),
];

/** Works that keep a GPU busy and take a CPU many seconds: ResNet's other convolutions, and a large product. */
export const LARGE_WORKS: readonly KernelWork[] = [
  matmul(4096, 4096, 4096),
  ...convs({ batch: 32, size: 28, inputs: 128, outputs: 128, kernel: 3, stride: 1 }),
  ...convs({ batch: 32, size: 14, inputs: 256, outputs: 256, kernel: 3, stride: 1 }),
  ...convs({ batch: 32, size: 7, inputs: 512, outputs: 512, kernel: 3, stride: 1 }),
  ...convs({ batch: 32, size: 14, inputs: 1024, outputs: 256, kernel: 1, stride: 1 }),
];
