// This module is browser compatible.
/**
 * Tiles of C where both operands run along k: A [M, K] times B stored [N, K], nothing packed.
 *
 * Each element of the tile is a vector of four partial sums over k, added up at the end. A weight matrix
 * [outputs, inputs] is read once, in the order it lies in memory, which is what a product with few rows needs.
 */

import { type Callee, type FunctionBuilder, integers, type ModuleBuilder } from "./assembler.ts";
import { ADD_TO_C, rectify } from "./micro_kernel.ts";
import { F32x4, I32 } from "./values.ts";

/** Rows of a full tile. */
export const DOT_ROWS = 2;

/** Columns of a full tile: 12 registers of sums, 2 for x and one for w; a separate multiply needs one more. */
export function dotColumns(relaxed: boolean): number {
  return relaxed ? 6 : 4;
}

/** [sum of a, sum of b, sum of c, sum of d], each over four lanes. */
function sumsOfFour(f: FunctionBuilder, [a, b, c, d]: readonly F32x4[]): F32x4 {
  const ab = f.v128(a.shuffle(b, [0, 4, 1, 5]).add(a.shuffle(b, [2, 6, 3, 7])));
  const cd = f.v128(c.shuffle(d, [0, 4, 1, 5]).add(c.shuffle(d, [2, 6, 3, 7])));
  return f.v128(ab.shuffle(cd, [0, 1, 4, 5]).add(ab.shuffle(cd, [2, 3, 6, 7])));
}

const DOT_TILE = integers(
  ...[
    "x",
    "xRow",
    "w",
    "wRow",
    "c",
    "cRow",
    "cColumn",
    "k",
    "bias",
    "biasRow",
    "biasColumn",
    "flags",
  ] as const,
);

/**
 * A tile of `rows` by `columns` products x_i · w_j.
 *
 * `…Row` is the bytes from one x (or, for `wRow`, one w) to the next, `…Column` from one w to the next. Without a
 * bias its address and both its steps are 0.
 */
export function defineDotTile(
  module: ModuleBuilder,
  rows: number,
  columns: number,
): Callee<keyof typeof DOT_TILE> {
  return module.define(DOT_TILE, (f, p) => {
    const { x, xRow, w, wRow, c, cRow, cColumn, k, bias, biasRow, biasColumn, flags } = p;
    const xs = [x];
    for (let i = 1; i < rows; i++) xs.push(f.i32(xs[i - 1].add(xRow)));
    const ws = [w];
    for (let j = 1; j < columns; j++) ws.push(f.i32(ws[j - 1].add(wRow)));
    const sums = xs.map(() => ws.map(() => f.v128()));
    const product = (load: (address: I32) => F32x4) => {
      const left = xs.map((row) => f.v128(load(row)));
      for (const [j, row] of ws.entries()) {
        const right = f.v128(load(row));
        for (const [i, sum] of sums.entries()) f.set(sum[j], f.madd(left[i], right, sum[j]));
      }
    };
    const advance = (bytes: number) => {
      for (const row of [...xs, ...ws]) f.step(row, bytes);
    };
    f.while(k.ge(8), () => {
      product((row) => row.loadVector());
      product((row) => row.loadVector(16));
      advance(32);
      f.step(k, -8);
    });
    f.while(k.ge(4), () => {
      product((row) => row.loadVector());
      advance(16);
      f.step(k, -4);
    });
    f.while(k, () => {
      product((row) => row.loadOne());
      advance(4);
      f.step(k, -1);
    });
    for (const row of sums) {
      const from = f.i32(c);
      const biasFrom = f.i32(bias);
      for (let j = 0; j < columns; j += 4) {
        const some = row.slice(j, j + 4);
        const total = sumsOfFour(f, [0, 1, 2, 3].map((lane) => some[lane] ?? some[0]));
        const lanes = (start: I32, step: I32, body: (address: I32, lane: number) => void) => {
          const at = f.i32(start);
          for (const lane of some.keys()) {
            body(at, lane);
            f.step(at, step);
          }
        };
        const addLanes = (start: I32, step: I32) => {
          const loaded = f.v128();
          lanes(start, step, (at, lane) => f.set(loaded, at.loadLane(loaded, lane)));
          f.set(total, total.add(loaded));
        };
        f.if(bias, () => addLanes(biasFrom, biasColumn));
        f.if(flags.and(ADD_TO_C), () => addLanes(from, cColumn));
        rectify(f, flags, [total]);
        lanes(from, cColumn, (at, lane) => f.storeLane(at, total, lane));
        f.step(from, cColumn.mul(some.length));
        f.step(biasFrom, biasColumn.mul(some.length));
      }
      f.step(c, cRow);
      f.step(bias, biasRow);
    }
  });
}
