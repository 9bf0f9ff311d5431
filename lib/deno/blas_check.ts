// This module runs in Deno only.
import type { Blas } from "../../kernels/gemm/mod.ts";

/** Sizes that are all different and fit no tile. */
const [M, N, K] = [5, 7, 11];
const PAGE = 65536;

/**
 * Multiplies small whole numbers with a library, each way round: the results must be exact.
 *
 * A library that computes on the wrong numbers (other sizes of integers, a broken build) is found here, before it
 * costs anyone a training run.
 *
 * @throws {Error} If a result is wrong.
 */
export function checkSgemm(blas: Blas): void {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const sgemm = blas.open(memory);
  const [a, b, c] = [0, PAGE / 4, PAGE / 2];
  const values = (address: number, length: number) => new Float32Array(memory.buffer, address, length);
  for (const transposeA of [0, 1]) {
    for (const transposeB of [0, 1]) {
      for (const beta of [0, 1]) {
        const left = values(a, M * K).map((_, i) => i % 9 - 4);
        const right = values(b, K * N).map((_, i) => i % 13 - 6);
        values(a, M * K).set(left);
        values(b, K * N).set(right);
        values(c, M * N).fill(beta ? 3 : NaN); // which must be overwritten
        sgemm(transposeA, transposeB, M, N, K, a, transposeA ? M : K, b, transposeB ? K : N, beta, c, N);
        const got = values(c, M * N);
        for (let m = 0; m < M; m++) {
          for (let n = 0; n < N; n++) {
            let want = 3 * beta;
            for (let k = 0; k < K; k++) {
              want += left[transposeA ? k * M + m : m * K + k] * right[transposeB ? n * K + k : k * N + n];
            }
            if (got[m * N + n] !== want) {
              throw new Error(`it computes ${got[m * N + n]} where ${want} is right`);
            }
          }
        }
      }
    }
  }
}
