// This module is browser compatible.
/**
 * Packing: operands copied into the order in which the tiles read them.
 *
 * B becomes panels of 8 columns, each k-major: panel p, k, column j at `(p·K + k)·8 + j`, with zeros past the last
 * column. A stored [K, M] becomes blocks of tile rows, each k-major.
 */

import { type Callee, type FunctionBuilder, integers, type ModuleBuilder } from "./assembler.ts";
import { PANEL_BYTES } from "./micro_kernel.ts";
import { F32, F32x4, I32 } from "./values.ts";

/** Rows of the next tile when `left` rows are left: full, but for the last two, which share evenly. */
export function nextTileRows(f: FunctionBuilder, left: I32, full: number): I32 {
  const half = (full >> 1) + 1; // A tile of 1 or 2 rows wastes most of its time waiting for its own sums.
  return f.i32(left.where(left.lt(full + 1), I32.of(half).where(left.lt(full + 3), full)));
}

/** Copies `count` columns of one k to a packed row and fills it with zeros. */
function copyPart(f: FunctionBuilder, to: I32, count: I32, from: (j: I32) => F32): void {
  f.store(to, F32x4.of(0));
  f.store(to, F32x4.of(0), 16);
  f.for(0, count, 1, (j) => f.store(to.add(j.shl(2)), from(j)));
}

const PACK_B = integers("b", "bRow", "k", "columns", "to", "panel");

/** Packs a piece of B: `k` by `columns`, with `bRow` bytes from stored row to row and `panel` from panel to panel. */
export type PackB = Callee<keyof typeof PACK_B>;

/** Packs B stored [K, N]. */
export function definePackRows(module: ModuleBuilder): PackB {
  return module.define(PACK_B, (f, { b, bRow, k, columns, to, panel }) => {
    const from = f.i32();
    const left = f.i32();
    const at = f.i32();
    const other = f.i32();
    for (const panels of [2, 1]) { // Two at a time read whole cache lines.
      f.while(columns.ge(8 * panels), () => {
        f.set(from, b);
        f.set(left, k);
        f.set(at, to);
        f.set(other, to.add(panel));
        f.while(left, () => {
          for (const [index, panelAt] of [at, other].slice(0, panels).entries()) {
            f.store(panelAt, from.loadVector(32 * index));
            f.store(panelAt, from.loadVector(32 * index + 16), 16);
            f.step(panelAt, PANEL_BYTES);
          }
          f.step(from, bRow);
          f.step(left, -1);
        });
        f.step(b, panels * PANEL_BYTES);
        f.step(to, panel.mul(panels));
        f.step(columns, -8 * panels);
      });
    }
    f.if(columns, () => {
      f.set(left, k);
      f.while(left, () => {
        copyPart(f, to, columns, (j) => b.add(j.shl(2)).loadF32());
        f.step(b, bRow);
        f.step(to, PANEL_BYTES);
        f.step(left, -1);
      });
    });
  });
}

/** Stores the transpose of four vectors, one row every `stride` bytes. */
function storeTransposed(f: FunctionBuilder, [a, b, c, d]: F32x4[], to: I32, offset: number): void {
  const abLow = f.v128(a.shuffle(b, [0, 4, 1, 5]));
  const abHigh = f.v128(a.shuffle(b, [2, 6, 3, 7]));
  const cdLow = f.v128(c.shuffle(d, [0, 4, 1, 5]));
  const cdHigh = f.v128(c.shuffle(d, [2, 6, 3, 7]));
  f.store(to, abLow.shuffle(cdLow, [0, 1, 4, 5]), offset);
  f.store(to, abLow.shuffle(cdLow, [2, 3, 6, 7]), offset + PANEL_BYTES);
  f.store(to, abHigh.shuffle(cdHigh, [0, 1, 4, 5]), offset + 2 * PANEL_BYTES);
  f.store(to, abHigh.shuffle(cdHigh, [2, 3, 6, 7]), offset + 3 * PANEL_BYTES);
}

/** Packs B stored [N, K]. */
export function definePackTransposed(module: ModuleBuilder): PackB {
  return module.define(PACK_B, (f, { b, bRow, k, columns, to, panel }) => {
    const left = f.i32();
    const at = f.i32();
    const from = Array.from({ length: 8 }, () => f.i32());
    f.while(columns.ge(8), () => {
      f.set(left, k);
      f.set(at, to);
      f.set(from[0], b);
      for (let j = 1; j < 8; j++) f.set(from[j], from[j - 1].add(bRow));
      f.while(left.ge(4), () => {
        for (const j of [0, 4]) {
          const four = from.slice(j, j + 4).map((row) => f.v128(row.loadVector()));
          storeTransposed(f, four, at, 4 * j);
        }
        for (const row of from) f.step(row, 16);
        f.step(at, 4 * PANEL_BYTES);
        f.step(left, -4);
      });
      f.while(left, () => {
        for (const [j, row] of from.entries()) {
          f.store(at, row.loadF32(), 4 * j);
          f.step(row, 4);
        }
        f.step(at, PANEL_BYTES);
        f.step(left, -1);
      });
      f.step(b, bRow.shl(3));
      f.step(to, panel);
      f.step(columns, -8);
    });
    f.if(columns, () => {
      f.set(left, k);
      f.while(left, () => {
        copyPart(f, to, columns, (j) => b.add(j.mul(bRow)).loadF32());
        f.step(b, 4);
        f.step(to, PANEL_BYTES);
        f.step(left, -1);
      });
    });
  });
}

const PACK_A = integers("a", "aRow", "k", "rows", "to");

/** Packs A stored [K, M] for tiles of `tileRows`: `k` by `rows`, with `aRow` bytes from stored row to row. */
export function definePackColumns(module: ModuleBuilder, tileRows: number): Callee<keyof typeof PACK_A> {
  return module.define(PACK_A, (f, { a, aRow, k, rows, to }) => {
    const from = f.i32();
    const left = f.i32();
    f.while(rows, () => {
      const take = nextTileRows(f, rows, tileRows);
      f.set(from, a);
      f.set(left, k);
      f.if(take.eq(tileRows), () => {
        f.while(left, () => {
          f.store(to, from.loadVector());
          if (tileRows > 4) f.store(to, from.loadVector(4 * tileRows - 16), 4 * tileRows - 16);
          f.step(from, aRow);
          f.step(to, 4 * tileRows);
          f.step(left, -1);
        });
      }, () => {
        f.while(left, () => {
          f.for(0, take, 1, (i) => f.store(to.add(i.shl(2)), from.add(i.shl(2)).loadF32()));
          f.step(from, aRow);
          f.step(to, take.shl(2));
          f.step(left, -1);
        });
      });
      f.step(a, take.shl(2));
      f.set(rows, rows.sub(take));
    });
  });
}
