// This module runs in Deno only.
/** The engine's matrix product against the kernel's twin: every path, ragged sizes, edges of the memory. */

import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { GemmArguments } from "../kernels/gemm/mod.ts";
import { matmulKernel } from "../kernels/matmul.ts";
import { ENGINES, Workbench } from "./gemm_workbench.ts";

/** Around the tiles (2, 4, 6, 8, 24, 48), primes, and the rows of our training step. */
const SIZES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 16, 17, 23, 24, 25, 31, 37, 47, 48, 49, 61];
/** Around the shortest K of the dot products and the longest piece of a packed panel. */
const DEPTHS = [0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 39, 40, 41, 63, 119, 120, 121, 641, 701, 1290];

/** The twin's answer in f64. */
function twin(args: GemmArguments): Float64Array {
  const { M, N, K, transposeA = false, transposeB = false, bias } = args;
  const c = Float64Array.from(args.c);
  matmulKernel.cpu({ a: args.a, b: args.b, bias: bias ?? args.b, c }, {
    ...{
      M,
      N,
      K,
      batch: args.batch ?? 1,
      beta: args.beta ?? 0,
      use_bias: bias ? 1 : 0,
      relu: args.relu ?? 0,
    },
    ...{ lda: args.lda ?? (transposeA ? M : K), ldb: args.ldb ?? (transposeB ? K : N), ldc: args.ldc ?? N },
    ...{ offset_a: args.offsetA ?? 0, offset_b: args.offsetB ?? 0, offset_c: args.offsetC ?? 0 },
    ...{ stride_a: args.strideA ?? 0, stride_b: args.strideB ?? 0, stride_c: args.strideC ?? 0 },
    ...{ transpose_a: Number(transposeA), transpose_b: Number(transposeB) },
  });
  return c;
}

for (const { name, options, ignore } of ENGINES) {
  describe(`SIMD matrix product, ${name}`, { ignore }, () => {
    let bench: Workbench;
    beforeAll(async () => {
      bench = await Workbench.open(options);
    });
    afterAll(() => bench.close());

    function check(args: GemmArguments): void {
      const want = twin(args);
      bench.engine.gemm(args);
      const { M, N, K, transposeA, transposeB, beta, batch, relu } = args;
      const what = `c of ${JSON.stringify({ M, N, K, transposeA, transposeB, beta, batch, relu })}`;
      // Sums of K products of numbers up to 1: rounding grows with K and with the root of K beside it (1.3e-5 at 1290).
      bench.assertNear(args.c, want, { tolerance: 1e-6 + 3e-8 * K, what });
    }

    it("equals the twin for random shapes, transposes, offsets, batches, bias, beta and ReLUs", () => {
      for (let round = 0; round < 400; round++) {
        bench.reset();
        const [M, N, K] = [bench.pick(SIZES), bench.pick(SIZES), bench.pick(DEPTHS)];
        const [transposeA, transposeB] = [bench.pick([true, false]), bench.pick([true, false])];
        const lda = (transposeA ? M : K) + bench.pick([0, 0, 1, 5]);
        const ldb = (transposeB ? K : N) + bench.pick([0, 0, 1, 5]);
        const ldc = N + bench.pick([0, 0, 1, 5]);
        const [offsetA, offsetB, offsetC] = [bench.pick([0, 3]), bench.pick([0, 3]), bench.pick([0, 3])];
        const batch = bench.pick([1, 1, 2, 3]);
        const strideA = bench.pick([0, (transposeA ? K : M) * lda + 2]);
        const strideB = bench.pick([0, (transposeB ? N : K) * ldb + 1]);
        const strideC = M * ldc + 3;
        const beta = bench.pick([0, 1] as const);
        const c = bench.array(offsetC + batch * strideC);
        if (beta === 1) bench.fillRandom(c);
        else c.fill(NaN); // which must be overwritten, and only where C is
        check({
          ...{ M, N, K, transposeA, transposeB, lda, ldb, ldc, batch, strideA, strideB, strideC, beta, c },
          ...{ offsetA, offsetB, offsetC },
          a: bench.random(offsetA + (transposeA ? K : M) * lda + (batch - 1) * strideA),
          b: bench.random(offsetB + (transposeB ? N : K) * ldb + (batch - 1) * strideB),
          bias: bench.pick([undefined, bench.random(N)]),
          relu: bench.pick([0, 0, 1, 2]),
        });
      }
    });

    it("equals the twin for the shapes of a training step", () => {
      const [A, B] = [{ transposeA: true }, { transposeB: true }];
      const shapes: (readonly [M: number, N: number, K: number, transposes: object])[] = [
        ...[[16, 1024, 256, B], [5, 512, 384, B], [1, 300, 1024, B]] as const,
        ...[[16, 384, 1024, {}], [16, 1024, 100, {}], [1, 512, 64, {}], [176, 256, 300, {}]] as const,
        ...[[512, 256, 16, A], [301, 130, 176, A], [1000, 1, 128, {}]] as const,
      ];
      for (const [M, N, K, transposes] of shapes) {
        bench.reset();
        check({
          a: bench.random(M * K),
          b: bench.random(K * N),
          c: bench.array(M * N),
          M,
          N,
          K,
          ...transposes,
        });
      }
    });

    it("reads and writes nothing past the end of the memory", () => {
      const { memory, heapStart } = bench.engine;
      const last = memory.buffer.byteLength;
      for (const [M, N, K] of [[7, 9, 5], [6, 8, 4], [16, 25, 130], [1, 49, 3], [13, 3, 130]]) {
        for (const which of ["a", "b", "c", "bias"]) {
          for (
            const [transposeA, transposeB] of [[false, false], [true, false], [false, true], [true, true]]
          ) {
            let top = heapStart;
            const place = (name: string, length: number) => {
              const address = name === which ? last - 4 * length : (top += 4 * length) - 4 * length;
              return new Float32Array(memory.buffer as ArrayBuffer, address, length);
            };
            const [a, b] = [bench.fillRandom(place("a", M * K)), bench.fillRandom(place("b", K * N))];
            const bias = bench.fillRandom(place("bias", N));
            check({ a, b, c: place("c", M * N), bias, M, N, K, transposeA, transposeB });
          }
        }
      }
    });

    it("lets NaN and infinity through", () => {
      for (const transposeB of [false, true]) {
        for (const [M, N, K] of [[2, 5, 3], [7, 30, 130], [40, 20, 64]]) {
          bench.reset();
          const [a, b] = [bench.array(M * K), bench.random(K * N)];
          b[transposeB ? 1 : N] = NaN; // row k = 1 of B, column 0
          b[transposeB ? K + 1 : N + 1] = Infinity; // column 1
          const c = bench.array(M * N);
          bench.engine.gemm({ a, b, c, M, N, K, transposeB });
          for (let m = 0; m < M; m++) {
            assert.deepEqual([...c.subarray(m * N, m * N + 3)], [NaN, NaN, 0], `0 · NaN in row ${m} of ${M}`);
          }
        }
      }
    });

    it("explains arrays that are too short or of the wrong kind", () => {
      const [a, c] = [bench.random(12), bench.array(12)];
      const args = { a, b: a, c, M: 3, N: 3, K: 4 };
      assert.throws(
        () => bench.engine.gemm({ ...args, K: 5 }),
        { name: "RangeError", message: 'Cannot compute with "a": elements 0 to 15 are needed, it has 12' },
      );
      assert.throws(() => bench.engine.gemm({ ...args, offsetC: 4 }), /"c": elements 4 to 13 are needed/);
      assert.throws(() => bench.engine.gemm({ ...args, a: new Float64Array(12) }), /its elements are f64/);
      assert.throws(
        () => bench.engine.gemm({ ...args, a: new Float32Array(12) }),
        /not in the engine's memory/,
      );
    });
  });
}
