// This module is browser compatible.
/** Cases of the matrix product: the plain program, and tiles of every kind, transposed or not, aligned or not. */

import type { Kernel, Program } from "../../kernels/kernel.ts";
import { matmulKernel } from "../../kernels/matmul.ts";
import { RELUS } from "../../kernels/relu.ts";
import { type KernelCase, kernelCase, type Numbers } from "./case.ts";

/** The programs whose names match, so that none is forgotten when names change. */
export function variantsOf<P extends string>(
  kernel: Kernel<string, P>,
  pattern: RegExp,
): readonly Program<P>[] {
  const found = (kernel.variants ?? []).filter(({ name }) => pattern.test(name));
  if (found.length === 0) {
    throw new Error(`Cannot test ${kernel.name}: none of its variants matches ${pattern}`);
  }
  return found;
}

type MatrixPlace = Record<"offset" | "row" | "gap" | "batch" | "stride", number>;

/** A row-major matrix whose gaps between rows, and what lies around it, hold `gap`. */
function matrix(
  n: Numbers,
  [rows, columns]: readonly [number, number],
  { offset, row, gap, batch, stride }: MatrixPlace,
): Float64Array {
  const array = new Float64Array(offset + (batch - 1) * stride + rows * row + 3).fill(gap);
  for (let i = 0; i < batch; i++) {
    for (let r = 0; r < rows; r++) array.set(n.uniform(columns), offset + i * stride + r * row);
  }
  return array;
}

interface ProductOptions {
  readonly sizes: readonly [M: number, N: number, K: number];
  /** Whether rows begin at multiples of four elements. */
  readonly aligned: boolean;
  readonly beta?: number;
  readonly bias?: number;
  readonly relu?: number;
}

/**
 * Two products [M, K] · [K, N] with bias that add to c. What lies between the rows of a and b is NaN, so that
 * reading one too many shows; what lies between those of c must stay.
 */
function product(
  n: Numbers,
  [transposeA, transposeB]: readonly [number, number],
  { sizes: [M, N, K], aligned, beta = 1, bias = 1, relu = 0 }: ProductOptions,
) {
  const batch = 2;
  const [odd, offset] = aligned ? [4, 8] : [5, 3];
  const [aShape, bShape] = [[M, K] as const, [K, N] as const].map((shape, i) =>
    [transposeA, transposeB][i] ? [shape[1], shape[0]] as const : shape
  );
  const row = (columns: number) => aligned ? Math.ceil(columns / 4) * 4 + odd : columns + odd;
  const [lda, ldb, ldc] = [row(aShape[1]), row(bShape[1]), row(N)];
  const stride = (rows: number, length: number) => rows * length + odd * 4;
  const strides = [stride(aShape[0], lda), stride(bShape[0], ldb), stride(M, ldc)];
  const place = (i: number, row: number, gap: number) => ({ offset, row, gap, batch, stride: strides[i] });
  const c = matrix(n, [M, N], place(2, ldc, 7));
  return {
    arrays: {
      a: matrix(n, aShape, place(0, lda, NaN)),
      b: matrix(n, bShape, place(1, ldb, NaN)),
      // with ReLU6, sums on both sides of 0 and of 6
      bias: bias ? relu === RELUS.relu6 ? n.uniform(N, -1, 13) : n.uniform(N) : new Float64Array(N).fill(NaN), // nobody may read what was not asked for
      c: beta ? c : c.fill(NaN),
    },
    params: {
      ...{ M, N, K, batch, lda, ldb, ldc },
      ...{ offset_a: offset, offset_b: offset, offset_c: offset },
      ...{ stride_a: strides[0], stride_b: strides[1], stride_c: strides[2] },
      ...{ transpose_a: transposeA, transpose_b: transposeB, beta, use_bias: bias, relu },
    },
  };
}

const TRANSPOSES = { nn: [0, 0], nt: [0, 1], tn: [1, 0], tt: [1, 1] } as const;

/** Of the plain program: 1, primes, and around its tile of 16. */
const SMALL = [[1, 1, 1], [15, 17, 16], [16, 16, 17], [13, 1, 31], [1, 37, 5]] as const;

/** Each tile of the slices with rows of each kind; K is some blocks and a part of one. */
const SLICES = {
  "8x16:nn:1": [13, 52, 278],
  "16x16:nt:1": [37, 52, 214],
  "32x16:tn:1": [37, 52, 150],
  "32x32:tt:1": [37, 68, 118],
  "32x32:nn:0": [37, 69, 119],
  "8x16:nt:0": [5, 19, 129],
  "16x16:tn:0": [17, 17, 97],
  "32x16:tt:0": [33, 17, 65],
} as const;

function* slices(): Generator<KernelCase> {
  for (const [kind, sizes] of Object.entries(SLICES)) {
    const [, transposes, aligned] = kind.split(":") as [string, keyof typeof TRANSPOSES, string];
    for (const program of variantsOf(matmulKernel, new RegExp(`^matmul_slices:${kind}$`))) {
      const options = { sizes, aligned: aligned === "1" };
      const make = (n: Numbers) => product(n, TRANSPOSES[transposes], options);
      yield kernelCase(matmulKernel, sizes.join(" "), make, { program });
    }
  }
  for (const program of variantsOf(matmulKernel, /^matmul_slices:16x16:nt:1$/)) {
    const options = { sizes: [37, 52, 20], aligned: true } as const;
    const bare = { ...options, beta: 0, bias: 0, relu: RELUS.relu };
    const what = "ReLU, c and bias that nobody asked for";
    yield kernelCase(matmulKernel, what, (n) => product(n, TRANSPOSES.nt, bare), { program });
    const capped = { ...options, relu: RELUS.relu6 };
    yield kernelCase(matmulKernel, "ReLU6", (n) => product(n, TRANSPOSES.nt, capped), { program });
  }
}

/** Every case of this file. */
export function* productCases(): Generator<KernelCase> {
  for (const [name, transposes] of Object.entries(TRANSPOSES)) {
    for (const sizes of SMALL) {
      yield kernelCase(
        matmulKernel,
        `${name} ${sizes.join(" ")}`,
        (n) => product(n, transposes, { sizes, aligned: false }),
      );
    }
    for (const aligned of [true, false]) {
      const size = { nn: "16x16", nt: "8x8", tn: "4x16", tt: "16x16" }[name];
      const patterns = [
        `^matmul_registers:${size}:${name}:${aligned ? 7 : 0}$`,
        `^matmul_workgroup:${name === "nn" ? "128x128" : "64x64"}:${name}:${Number(aligned)}$`,
      ];
      const sizes = aligned ? [37, 148, 22] as const : [37, 149, 23] as const;
      for (const program of patterns.flatMap((pattern) => variantsOf(matmulKernel, new RegExp(pattern)))) {
        const what = `${sizes.join(" ")}, ${aligned ? "aligned" : "not aligned"}`;
        yield kernelCase(matmulKernel, what, (n) => product(n, transposes, { sizes, aligned }), { program });
      }
    }
  }
  for (const program of variantsOf(matmulKernel, /^matmul_(registers:16x16:nn:7|workgroup:128x128:nn:1)$/)) {
    const options = { sizes: [37, 148, 22], aligned: true, beta: 0, bias: 0 } as const;
    const what = "c and bias that nobody asked for";
    yield kernelCase(matmulKernel, what, (n) => product(n, [0, 0], options), { program });
  }
  for (const aligned of [true, false]) {
    const sizes = aligned ? [37, 148, 22] as const : [37, 149, 23] as const;
    const pattern = aligned
      ? /^matmul_(registers:16x16:nn:7|workgroup:128x128:nn:1)$/
      : /^matmul_registers:8x8:nn:0$/;
    for (const program of [matmulKernel, ...variantsOf(matmulKernel, pattern)]) {
      for (const name of ["relu", "relu6"] as const) {
        const what = `${name}, ${aligned ? "aligned" : "not aligned"}`;
        const options = { sizes, aligned, relu: RELUS[name] };
        yield kernelCase(matmulKernel, what, (n) => product(n, [0, 0], options), { program });
      }
    }
  }
  yield* slices();
}
