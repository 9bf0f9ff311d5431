// This module is browser compatible.
import { ceilDiv, defineKernel, type Program } from "./kernel.ts";
import { chooseMatmul, MATMUL_PARAMS, MATMUL_VARIANTS, type MatmulParam } from "./matmul_programs.ts";
import { rectified } from "./relu.ts";
import wgsl from "./matmul.wgsl" with { type: "text" };

/**
 * `c[M, N] = op(a)[M, K] · op(b)[K, N] + bias[N] + beta · c`, then what `relu` says (`RELUS` of relu.ts),
 * row-major, `batch` times.
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
  params: MATMUL_PARAMS,
  workgroups: ({ M, N, batch }) => [ceilDiv(N, 16), ceilDiv(M, 16), batch],
  variants: MATMUL_VARIANTS,
  choose: (params, adapter): Program<MatmulParam> => chooseMatmul(params, adapter) ?? matmulKernel,
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
          c[at] = rectified(p.beta ? c[at] + sum : sum, p.relu);
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
      relu: p.relu,
    });
  },
});
