// This module is browser compatible.
import { matmulKernel } from "../../kernels/matmul.ts";
import { type Relu, RELUS } from "../../kernels/relu.ts";
import { Tensor } from "../tensor.ts";

/** A product of slices of tensors: `c = op(a) · op(b) + bias + beta · c`, then the activation. Sizes in elements. */
export interface Product {
  readonly a: Tensor;
  readonly b: Tensor;
  readonly c: Tensor;
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  /** Elements from one stored row to the next. Defaults: rows without gaps. */
  readonly lda?: number;
  readonly ldb?: number;
  readonly ldc?: number;
  /** Where the slices begin. Default 0. */
  readonly offsetA?: number;
  readonly offsetB?: number;
  readonly offsetC?: number;
  /** Products in the batch and elements from one to the next. Defaults 1 and 0. */
  readonly batch?: number;
  readonly strideA?: number;
  readonly strideB?: number;
  readonly strideC?: number;
  /** 1 adds to what c holds. Default 0. */
  readonly beta?: 0 | 1;
  /** [N], added to every row. */
  readonly bias?: Tensor;
  /** Default "none". */
  readonly activation?: Relu;
}

/** Runs one matrix product on slices. The ops check shapes; here nothing is recorded. */
export function product(p: Product): void {
  const { a, b, c, M, N, K, transposeA = false, transposeB = false } = p;
  c.backend.run(matmulKernel, {
    a: a.storage,
    b: b.storage,
    bias: (p.bias ?? b).storage,
    c: c.storage,
  }, {
    M,
    N,
    K,
    batch: p.batch ?? 1,
    lda: p.lda ?? (transposeA ? M : K),
    ldb: p.ldb ?? (transposeB ? K : N),
    ldc: p.ldc ?? N,
    offset_a: p.offsetA ?? 0,
    offset_b: p.offsetB ?? 0,
    offset_c: p.offsetC ?? 0,
    stride_a: p.strideA ?? 0,
    stride_b: p.strideB ?? 0,
    stride_c: p.strideC ?? 0,
    transpose_a: Number(transposeA),
    transpose_b: Number(transposeB),
    beta: p.beta ?? 0,
    use_bias: Number(p.bias !== undefined),
    relu: RELUS[p.activation ?? "none"],
  });
}
