// This module is browser compatible.
/**
 * The innermost loops of the matrix product: one tile of C in registers, `rows` by 8 columns.
 *
 * For every k, each row's element of A is splat over four lanes and multiplied with two vectors of B. A tile of
 * 6×8 uses 12 registers for C, two for B and one for A, of the 16 there are (V8 keeps one), and has 12 products
 * for 8 loads. Every element of C adds its products in the order of k, so tiles of any height agree to the bit.
 */

import type { Callee, FunctionBuilder, ModuleBuilder } from "./assembler.ts";
import { F32x4, I32 } from "./values.ts";

/** Columns of a tile, and of a packed panel of B. */
export const TILE_COLUMNS = 8;
/** Bytes of one packed row of B. */
export const PANEL_BYTES = TILE_COLUMNS * 4;

/** Rows of a full tile: with separate multiply and add one more register is needed for each product. */
export function tileRows(relaxed: boolean): number {
  return relaxed ? 6 : 4;
}

/** What to do with a finished tile: bits of the tiles' parameter `flags`. */
export const ADD_TO_C = 1;
export const RELU = 2;

/** Writes a row of the tile: adds the bias where there is one and C where asked. */
export function storeRow(
  f: FunctionBuilder,
  c: I32,
  row: readonly F32x4[],
  finish: { flags: I32; bias: I32 },
): void {
  for (const [j, sum] of row.entries()) {
    f.if(finish.bias, () => f.set(sum, sum.add(finish.bias.loadVector(16 * j))));
    f.if(finish.flags.and(ADD_TO_C), () => f.set(sum, sum.add(c.loadVector(16 * j))));
    f.if(finish.flags.and(RELU), () => f.set(sum, sum.max(0)));
    f.store(c, sum, 16 * j);
  }
}

/** The body of a tile: `a` gives the address of row i's element. */
function product(f: FunctionBuilder, sums: F32x4[][], b: I32, a: (row: number) => F32x4): void {
  const columns = sums[0].map((_, j) => f.v128(b.loadVector(16 * j)));
  for (const [i, row] of sums.entries()) {
    const element = f.v128(a(i));
    for (const [j, sum] of row.entries()) f.set(sum, f.madd(element, columns[j], sum));
  }
}

function zeros(f: FunctionBuilder, rows: number): F32x4[][] {
  return Array.from({ length: rows }, () => [f.v128(), f.v128()]);
}

/**
 * A tile whose rows of A run along memory (A stored [M, K]).
 *
 * Parameters: a, bytes between rows of A, b, bytes between rows of B, c, bytes between rows of C, K, bias, flags.
 */
export function defineRowTile(module: ModuleBuilder, rows: number): Callee {
  const types = ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"] as const;
  return module.define(types, (f, [a, aRow, b, bRow, c, cRow, k, bias, flags]) => {
    const sums = zeros(f, rows);
    const at = [a];
    for (let i = 1; i < rows; i++) at.push(f.i32(at[i - 1].add(aRow)));
    f.while(k.ge(4), () => {
      for (let u = 0; u < 4; u++) {
        product(f, sums, b, (i) => at[i].loadSplat(4 * u));
        f.step(b, bRow);
      }
      for (const row of at) f.step(row, 16);
      f.step(k, -4);
    });
    f.while(k, () => {
      product(f, sums, b, (i) => at[i].loadSplat());
      f.step(b, bRow);
      for (const row of at) f.step(row, 4);
      f.step(k, -1);
    });
    for (const row of sums) {
      storeRow(f, c, row, { flags, bias });
      f.step(c, cRow);
    }
  });
}

/**
 * A tile whose columns of A run along memory (A stored [K, M], or packed).
 *
 * Parameters: a, bytes from k to k + 1 of A, and the others as {@linkcode defineRowTile}.
 */
export function defineColumnTile(module: ModuleBuilder, rows: number): Callee {
  const types = ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"] as const;
  return module.define(types, (f, [a, aStep, b, bRow, c, cRow, k, bias, flags]) => {
    const sums = zeros(f, rows);
    const one = () => {
      product(f, sums, b, (i) => a.loadSplat(4 * i));
      f.step(a, aStep);
      f.step(b, bRow);
    };
    f.while(k.ge(4), () => {
      for (let u = 0; u < 4; u++) one();
      f.step(k, -4);
    });
    f.while(k, () => {
      one();
      f.step(k, -1);
    });
    for (const row of sums) {
      storeRow(f, c, row, { flags, bias });
      f.step(c, cRow);
    }
  });
}
