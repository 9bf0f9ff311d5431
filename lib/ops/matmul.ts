// This module is browser compatible.
import { record } from "../record.ts";
import { Tensor } from "../tensor.ts";
import { product } from "./product.ts";

/** Options of {@linkcode matmul}. */
export interface MatmulOptions {
  /** `a` is stored [K, M]. Default false. */
  readonly transposeA?: boolean;
  /** `b` is stored [N, K]. Default false. */
  readonly transposeB?: boolean;
}

/**
 * Matrix product: `a` [M, K] · `b` [K, N] → [M, N], or a batch of them, [B, M, K] · [B, K, N] → [B, M, N].
 *
 * @throws {RangeError} If the inner sizes or the batches differ.
 */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  const { transposeA = false, transposeB = false } = options;
  const [batch, others] = [a, b].map(({ shape }) => shape.length === 3 ? shape[0] : 1);
  const [M, K] = transposeA ? a.shape.slice(-2).toReversed() : a.shape.slice(-2);
  const [rows, N] = transposeB ? b.shape.slice(-2).toReversed() : b.shape.slice(-2);
  const matrices = a.shape.length === b.shape.length && (a.shape.length === 2 || a.shape.length === 3);
  if (!matrices || batch !== others || K !== rows) {
    throw new RangeError(
      `Cannot multiply ${a} by ${b}: both must be matrices (or batches of as many) with equal inner sizes, ` +
        `got ${K} and ${rows}`,
    );
  }
  const c = new Tensor(a.backend, [...a.shape.slice(0, -2), M, N], { label: "matmul" });
  product({
    a,
    b,
    c,
    M,
    N,
    K,
    transposeA,
    transposeB,
    batch,
    strideA: M * K,
    strideB: K * N,
    strideC: M * N,
  });
  // In terms of A and B as read: dA = dC · Bᵀ and dB = Aᵀ · dC, transposed back where needed.
  return record(c, [a, b], ([dC], needed) => [
    needed[0]
      ? transposeA
        ? matmul(b, dC!, { transposeA: transposeB, transposeB: true })
        : matmul(dC!, b, { transposeB: !transposeB })
      : undefined,
    needed[1]
      ? transposeB
        ? matmul(dC!, a, { transposeA: true, transposeB: transposeA })
        : matmul(a, dC!, { transposeA: !transposeA })
      : undefined,
  ]);
}
