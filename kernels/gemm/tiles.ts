// This module is browser compatible.
/** Tiles of every height, and the loop that covers a block of rows of C with them. */

import type { Callee, FunctionBuilder, ModuleBuilder } from "./assembler.ts";
import { ADD_TO_C, defineColumnTile, defineRowTile, PANEL_BYTES, RELU, tileRows } from "./micro_kernel.ts";
import { nextTileRows } from "./pack.ts";
import { I32 } from "./values.ts";

/** Adds a tile that was computed aside into a C with fewer columns. */
function defineMerge(module: ModuleBuilder): Callee {
  const types = ["i32", "i32", "i32", "i32", "i32", "i32", "i32"] as const;
  return module.define(types, (f, [tile, c, cRow, rows, columns, bias, flags]) => {
    const value = f.f32();
    f.while(rows, () => {
      f.for(0, columns, 1, (j) => {
        const at = f.i32(c.add(j.shl(2)));
        f.set(value, tile.add(j.shl(2)).loadF32());
        f.if(bias, () => f.set(value, value.add(bias.add(j.shl(2)).loadF32())));
        f.if(flags.and(ADD_TO_C), () => f.set(value, value.add(at.loadF32())));
        f.if(flags.and(RELU), () => f.set(value, value.max(0)));
        f.store(at, value);
      });
      f.step(tile, PANEL_BYTES);
      f.step(c, cRow);
      f.step(rows, -1);
    });
  });
}

/** What {@linkcode defineTiles} defines. */
export interface Tiles {
  /** Rows of a full tile. */
  readonly full: number;
  /**
   * Covers rows of C, one panel of columns wide.
   *
   * Parameters: tile (64 floats of scratch), kind (0: rows of A run along memory; 1: its columns do, at `aRow`
   * bytes from k to k + 1; 2: packed), a, aRow, b, bRow, c, cRow, rows, columns (1 to 8), K, bias, flags.
   */
  readonly panel: Callee;
}

/** Kinds of A, see {@linkcode Tiles.panel}. */
export const A_ROWS = 0;
export const A_COLUMNS = 1;
export const A_PACKED = 2;

/** Calls the one of `callees` (for 1, 2, ... rows) that matches `rows`. */
function callFor(f: FunctionBuilder, callees: Callee[], rows: I32, args: I32[]): void {
  const last = callees.length;
  f.if(
    rows.eq(last),
    () => f.call(callees[last - 1], ...args),
    last > 1 ? () => callFor(f, callees.slice(0, -1), rows, args) : undefined,
  );
}

/** Defines the tiles of a module. */
export function defineTiles(module: ModuleBuilder): Tiles {
  const full = tileRows(module.relaxed);
  const heights = Array.from({ length: full }, (_, index) => index + 1);
  const rowTiles = heights.map((rows) => defineRowTile(module, rows));
  const columnTiles = heights.map((rows) => defineColumnTile(module, rows));
  const merge = defineMerge(module);
  const types = Array.from({ length: 13 }, () => "i32" as const);
  const panel = module.define(types, (f, parameters) => {
    const [tile, kind, a, aRow, b, bRow, c, cRow, rows, columns, k, bias, flags] = parameters;
    const whole = f.i32(columns.eq(8));
    const to = f.i32();
    const toRow = f.i32(cRow.where(whole, PANEL_BYTES));
    const tileBias = f.i32(bias.where(whole, 0));
    const tileFlags = f.i32(flags.where(whole, 0));
    f.while(rows, () => {
      const take = nextTileRows(f, rows, full);
      f.set(to, c.where(whole, tile));
      f.if(kind, () => {
        const step = f.i32(take.shl(2).where(kind.eq(A_PACKED), aRow));
        callFor(f, columnTiles, take, [a, step, b, bRow, to, toRow, k, tileBias, tileFlags]);
        f.step(a, take.shl(2).mul(k).where(kind.eq(A_PACKED), take.shl(2)));
      }, () => {
        callFor(f, rowTiles, take, [a, aRow, b, bRow, to, toRow, k, tileBias, tileFlags]);
        f.step(a, take.mul(aRow));
      });
      f.if(whole.not(), () => f.call(merge, tile, c, cRow, take, columns, bias, flags));
      f.step(c, take.mul(cRow));
      f.set(rows, rows.sub(take));
    });
  });
  return { full, panel };
}
