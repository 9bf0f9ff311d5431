// This module is browser compatible.
import { ceilDiv, defineKernel } from "./kernel.ts";
import wgsl from "./matmul.wgsl" with { type: "text" };

/**
 * `c[M, N] = op(a)[M, K] · op(b)[K, N] + bias[N] + beta · c`, row-major, `batch` times.
 *
 * Element (m, k) of op(a) is `a[offset_a + i * stride_a + m * lda + k]`, or `k * lda + m` where `transpose_a` is 1;
 * b likewise, and c is never transposed. With `use_bias` 0 nothing of bias is read: bind any input, such as b.
 * With `beta` 0 nothing of c is read.
 */
export const matmulKernel = defineKernel({
  name: "matmul",
  wgsl,
  inputs: ["a", "b", "bias"],
  outputs: ["c"],
  params: {
    M: "u32",
    N: "u32",
    K: "u32",
    batch: "u32",
    lda: "u32",
    ldb: "u32",
    ldc: "u32",
    offset_a: "u32",
    offset_b: "u32",
    offset_c: "u32",
    stride_a: "u32",
    stride_b: "u32",
    stride_c: "u32",
    transpose_a: "u32",
    transpose_b: "u32",
    beta: "u32",
    use_bias: "u32",
  },
  workgroups: ({ M, N, batch }) => [ceilDiv(N, 8), ceilDiv(M, 8), batch],
  cpu({ a, b, bias, c }, p) {
    for (let i = 0; i < p.batch; i++) {
      for (let m = 0; m < p.M; m++) {
        for (let n = 0; n < p.N; n++) {
          let sum = p.use_bias ? bias[n] : 0;
          for (let k = 0; k < p.K; k++) {
            sum += a[p.offset_a + i * p.stride_a + (p.transpose_a ? k * p.lda + m : m * p.lda + k)] *
              b[p.offset_b + i * p.stride_b + (p.transpose_b ? n * p.ldb + k : k * p.ldb + n)];
          }
          const at = p.offset_c + i * p.stride_c + m * p.ldc + n;
          c[at] = p.beta ? c[at] + sum : sum;
        }
      }
    }
  },
  fast({ a, b, bias, c }, p, engine) {
    engine.gemm({
      a,
      b,
      c,
      M: p.M,
      N: p.N,
      K: p.K,
      transposeA: p.transpose_a === 1,
      transposeB: p.transpose_b === 1,
      lda: p.lda,
      ldb: p.ldb,
      ldc: p.ldc,
      offsetA: p.offset_a,
      offsetB: p.offset_b,
      offsetC: p.offset_c,
      batch: p.batch,
      strideA: p.stride_a,
      strideB: p.stride_b,
      strideC: p.stride_c,
      beta: p.beta === 1 ? 1 : 0,
      bias: p.use_bias === 1 ? bias : undefined,
    });
  },
});
