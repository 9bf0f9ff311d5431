// This module is browser compatible.
/**
 * The innermost loops of the matrix product: one tile of C in registers, `rows` by 8 columns.
 *
 * For every k, each row's element of A is splat over four lanes and multiplied with two vectors of B. A tile of
 * 6×8 uses 12 registers for C, two for B and one for A, of the 16 there are (V8 keeps one), and has 12 products
 * for 8 loads. Every element of C adds its products in the order of k, so tiles of any height agree to the bit.
 */

import { type Callee, type FunctionBuilder, integers, type ModuleBuilder } from "./assembler.ts";
import { F32x4, I32 } from "./values.ts";

/** Columns of a tile, and of a packed panel of B. */
const TILE_COLUMNS = 8;
/** Bytes of one packed row of B. */
export const PANEL_BYTES = TILE_COLUMNS * 4;

/** Rows of a full tile: with separate multiply and add one more register is needed for each product. */
export function tileRows(relaxed: boolean): number {
  return relaxed ? 6 : 4;
}

/** What to do with a finished tile: bits of the tiles' parameter `flags`. */
export const ADD_TO_C = 1;
const RELU = 2;
const RELU6 = 4;
/** Either ReLU. */
export const ANY_RELU = RELU | RELU6;

/** The bit of a ReLU, by the kernels' number for it. */
export function reluFlag(relu: number): number {
  return [0, RELU, RELU6][relu];
}

/** Whether it is to be ReLU6. */
export function asksRelu6(flags: I32): I32 {
  return flags.and(RELU6);
}

/** Applies the ReLU that `flags` ask for. NaN stays NaN. */
export function rectify(f: FunctionBuilder, flags: I32, values: readonly F32x4[]): void {
  f.if(flags.and(ANY_RELU), () => {
    for (const value of values) f.set(value, value.max(0));
    f.if(asksRelu6(flags), () => {
      for (const value of values) f.set(value, value.min(6));
    });
  });
}

/** Writes a row of the tile: adds the bias where there is one and C where asked. */
function storeRow(
  f: FunctionBuilder,
  c: I32,
  row: readonly F32x4[],
  finish: { flags: I32; bias: I32 },
): void {
  for (const [j, sum] of row.entries()) {
    f.if(finish.bias, () => f.set(sum, sum.add(finish.bias.loadVector(16 * j))));
    f.if(finish.flags.and(ADD_TO_C), () => f.set(sum, sum.add(c.loadVector(16 * j))));
    rectify(f, finish.flags, [sum]);
    f.store(c, sum, 16 * j);
  }
}

/** The body of a tile: `a` gives row i's element. What there is less of, rows or vectors, waits in registers. */
function product(
  f: FunctionBuilder,
  sums: F32x4[][],
  b: I32,
  a: (row: number) => F32x4,
  offset = 0,
): void {
  if (sums.length < sums[0].length) {
    const elements = sums.map((_, i) => f.v128(a(i)));
    for (const j of sums[0].keys()) {
      const column = f.v128(b.loadVector(offset + 16 * j));
      for (const [i, row] of sums.entries()) f.set(row[j], f.madd(elements[i], column, row[j]));
    }
    return;
  }
  const columns = sums[0].map((_, j) => f.v128(b.loadVector(offset + 16 * j)));
  for (const [i, row] of sums.entries()) {
    const element = f.v128(a(i));
    for (const [j, sum] of row.entries()) f.set(sum, f.madd(element, columns[j], sum));
  }
}

function zeros(f: FunctionBuilder, rows: number, vectors = TILE_COLUMNS / 4): F32x4[][] {
  return Array.from({ length: rows }, () => Array.from({ length: vectors }, () => f.v128()));
}

const ROW_TILE = integers("a", "aRow", "b", "bRow", "c", "cRow", "k", "bias", "flags");

/**
 * A tile whose rows of A run along memory (A stored [M, K]); `aRow`, `bRow`, `cRow` are bytes from row to row.
 *
 * It is four columns wide for each of `vectors`, 8 columns unless said otherwise.
 */
export function defineRowTile(
  module: ModuleBuilder,
  rows: number,
  vectors?: number,
): Callee<keyof typeof ROW_TILE> {
  return module.define(ROW_TILE, (f, { a, aRow, b, bRow, c, cRow, k, bias, flags }) => {
    const sums = zeros(f, rows, vectors);
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

const COLUMN_TILE = integers(
  ...["table", "a", "aStep", "b", "bRow", "c", "cRow", "segments", "run", "bias", "flags"] as const,
);

/**
 * A tile whose columns of A run along memory (A stored [K, M], packed, or the pixels of an image).
 *
 * K is walked in segments of `run`, each `table`'s next offset behind `a`; `aStep` is the bytes from k to k + 1 of A.
 */
export function defineColumnTile(module: ModuleBuilder, rows: number): Callee<keyof typeof COLUMN_TILE> {
  return module.define(COLUMN_TILE, (f, p) => {
    const { table, a, aStep, b, bRow, c, cRow, segments, run, bias, flags } = p;
    const sums = zeros(f, rows);
    const [at, k] = [f.i32(), f.i32()];
    const one = () => {
      product(f, sums, b, (i) => at.loadSplat(4 * i));
      f.step(at, aStep);
      f.step(b, bRow);
    };
    f.while(segments, () => {
      f.set(at, a.add(table.load()));
      f.step(table, 4);
      f.set(k, run);
      f.while(k.ge(4), () => {
        for (let u = 0; u < 4; u++) one();
        f.step(k, -4);
      });
      f.while(k, () => {
        one();
        f.step(k, -1);
      });
      f.step(segments, -1);
    });
    for (const row of sums) {
      storeRow(f, c, row, { flags, bias });
      f.step(c, cRow);
    }
  });
}

const PIXEL_TILE = integers(
  ...["patches", "a", "aSegment", "b", "places", "c", "segments", "run", "bias", "flags"] as const,
);

/**
 * A tile whose rows are pixels: tables give the offsets of their `patches` behind `a` and of their `places` behind `c`.
 *
 * A patch is `segments` rows of an image, `run` floats of each, `aSegment` bytes from one to the next; B is packed.
 */
export function definePixelTile(module: ModuleBuilder, rows: number): Callee<keyof typeof PIXEL_TILE> {
  return module.define(PIXEL_TILE, (f, p) => {
    const { patches, a, aSegment, b, places, c, segments, run, bias, flags } = p;
    const sums = zeros(f, rows);
    const at = sums.map((_, i) => f.i32(a.add(patches.load(4 * i))));
    const jump = f.i32(aSegment.sub(run.shl(2)));
    const k = f.i32();
    f.while(segments, () => {
      f.set(k, run);
      f.while(k.ge(4), () => {
        for (let u = 0; u < 4; u++) {
          product(f, sums, b, (i) => at[i].loadSplat(4 * u), u * PANEL_BYTES);
        }
        f.step(b, 4 * PANEL_BYTES);
        for (const row of at) f.step(row, 16);
        f.step(k, -4);
      });
      f.while(k, () => {
        product(f, sums, b, (i) => at[i].loadSplat());
        f.step(b, PANEL_BYTES);
        for (const row of at) f.step(row, 4);
        f.step(k, -1);
      });
      for (const row of at) f.step(row, jump);
      f.step(segments, -1);
    });
    const to = f.i32();
    for (const [i, row] of sums.entries()) {
      f.set(to, c.add(places.load(4 * i)));
      storeRow(f, to, row, { flags, bias });
    }
  });
}
