// This module is browser compatible.
/** Tiles of every height, and the loops that cover rows of C with them, one panel of columns wide. */

import { type Callee, type FunctionBuilder, integers, type ModuleBuilder, type Value } from "./assembler.ts";
import {
  ADD_TO_C,
  ANY_RELU,
  asksRelu6,
  defineColumnTile,
  definePixelTile,
  defineRowTile,
  PANEL_BYTES,
  tileRows,
} from "./micro_kernel.ts";
import { nextTileRows } from "./pack.ts";
import { F32, I32 } from "./values.ts";

/** Kinds of A: its rows run along memory, its columns do, or it is packed. */
export const A_ROWS = 0;
export const A_COLUMNS = 1;
export const A_PACKED = 2;

const MERGE = integers("tile", "c", "columns", "bias", "flags");
const PANEL = integers(
  ...["tile", "kind", "table", "segments", "a", "aRow", "b", "bRow"] as const,
  ...["c", "cRow", "rows", "columns", "k", "bias", "flags"] as const,
);
const STRIPS = integers("a", "aRow", "b", "bRow", "c", "cRow", "rows", "columns", "k", "bias", "flags");
const PIXELS = integers(
  ...["tile", "tilePlaces", "patches", "a", "aSegment", "b", "places", "c"] as const,
  ...["rows", "columns", "segments", "run", "bias", "flags"] as const,
);

/** Columns of a wide tile of two rows. */
export const STRIP_COLUMNS = 24;

/** What {@linkcode defineTiles} defines. */
export interface Tiles {
  /** Rows of a full tile. */
  readonly full: number;
  /**
   * Covers `rows` rows and `columns` (1 to 8) columns of C with tiles over matrices.
   *
   * `tile` is room for 64 floats. With columns of A along memory, `aRow` is the bytes from k to k + 1, and `table`,
   * `segments` and `k` are those of `defineColumnTile`; otherwise one segment and a table of 0.
   */
  readonly panel: Callee<keyof typeof PANEL>;
  /**
   * Covers `rows` rows and `columns` (a multiple of {@linkcode STRIP_COLUMNS}) columns with wide tiles that read a
   * cache line of B at a time, as it lies: for so few rows that packing B would cost more.
   */
  readonly strips: Callee<keyof typeof STRIPS>;
  /** Covers `rows` pixels the same way. `tilePlaces` is room for the places of a tile computed aside. */
  readonly pixels: Callee<keyof typeof PIXELS>;
}

/** Adds a row of a tile that was computed aside to a C with fewer columns. */
function defineMerge(module: ModuleBuilder): Callee<keyof typeof MERGE> {
  return module.define(MERGE, (f, { tile, c, columns, bias, flags }) => {
    const value = f.f32();
    f.for(0, columns, 1, (j) => {
      const at = f.i32(c.add(j.shl(2)));
      f.set(value, tile.add(j.shl(2)).loadF32());
      f.if(bias, () => f.set(value, value.add(bias.add(j.shl(2)).loadF32())));
      f.if(flags.and(ADD_TO_C), () => f.set(value, value.add(at.loadF32())));
      f.if(flags.and(ANY_RELU), () => {
        f.set(value, F32.of(0).where(value.lt(0), value));
        f.if(asksRelu6(flags), () => f.set(value, F32.of(6).where(F32.of(6).lt(value), value)));
      });
      f.store(at, value);
    });
  });
}

/** Calls the one of `tiles` (of 1, 2, ... rows) that has `rows`. */
function callFor<Name extends string>(
  f: FunctionBuilder,
  tiles: readonly Callee<Name>[],
  rows: I32,
  args: Readonly<Record<Name, Value | number>>,
): void {
  const last = tiles.length;
  const lower = last > 1 ? () => callFor(f, tiles.slice(0, -1), rows, args) : undefined;
  f.if(rows.eq(last), () => f.call(tiles[last - 1], args), lower);
}

/** Defines {@linkcode Tiles.strips}. */
function defineStrips(module: ModuleBuilder): Callee<keyof typeof STRIPS> {
  const tiles = [1, 2].map((rows) => defineRowTile(module, rows, STRIP_COLUMNS / 4));
  const single = defineRowTile(module, 1, 12);
  return module.define(STRIPS, (f, p) => {
    const { a, aRow, b, bRow, c, cRow, rows, columns, k, bias, flags } = p;
    const next = (width: number) => {
      f.step(b, 4 * width);
      f.step(c, 4 * width);
      f.set(bias, bias.add(4 * width).where(bias, 0));
      f.step(columns, -width);
    };
    f.if(rows.eq(1), () => {
      f.while(columns.ge(48), () => {
        f.call(single, { a, aRow, b, bRow, c, cRow, k, bias, flags });
        next(48);
      });
    });
    const [at, to, left] = [f.i32(), f.i32(), f.i32()];
    f.while(columns, () => {
      f.set(at, a);
      f.set(to, c);
      f.set(left, rows);
      f.while(left, () => {
        const take = f.i32(left.min(2));
        callFor(f, tiles, take, { a: at, aRow, b, bRow, c: to, cRow, k, bias, flags });
        f.step(at, take.mul(aRow));
        f.step(to, take.mul(cRow));
        f.set(left, left.sub(take));
      });
      next(STRIP_COLUMNS);
    });
  });
}

/** Defines the tiles of a module. */
export function defineTiles(module: ModuleBuilder): Tiles {
  const full = tileRows(module.relaxed);
  const heights = Array.from({ length: full }, (_, index) => index + 1);
  const rowTiles = heights.map((rows) => defineRowTile(module, rows));
  const columnTiles = heights.map((rows) => defineColumnTile(module, rows));
  const pixelTiles = heights.map((rows) => definePixelTile(module, rows));
  const merge = defineMerge(module);

  const panel = module.define(PANEL, (f, p) => {
    const { tile, kind, table, segments, a, aRow, b, bRow, c, cRow, rows, columns, k, bias, flags } = p;
    const whole = f.i32(columns.eq(8));
    const to = f.i32();
    const row = f.i32(cRow.where(whole, PANEL_BYTES));
    const finish = { cRow: row, bias: f.i32(bias.where(whole, 0)), flags: f.i32(flags.where(whole, 0)) };
    f.while(rows, () => {
      const take = nextTileRows(f, rows, full);
      f.set(to, c.where(whole, tile));
      f.if(kind, () => {
        const aStep = f.i32(take.shl(2).where(kind.eq(A_PACKED), aRow));
        callFor(f, columnTiles, take, { table, a, aStep, b, bRow, c: to, segments, run: k, ...finish });
        f.step(a, take.shl(2).mul(k).where(kind.eq(A_PACKED), take.shl(2)));
      }, () => {
        callFor(f, rowTiles, take, { a, aRow, b, bRow, c: to, k, ...finish });
        f.step(a, take.mul(aRow));
      });
      f.if(whole.not(), () => {
        f.for(0, take, 1, (i) => {
          f.call(merge, { tile: tile.add(i.shl(5)), c: c.add(i.mul(cRow)), columns, bias, flags });
        });
      });
      f.step(c, take.mul(cRow));
      f.set(rows, rows.sub(take));
    });
  });

  const pixels = module.define(PIXELS, (f, p) => {
    const {
      tile,
      tilePlaces,
      patches,
      a,
      aSegment,
      b,
      places,
      c,
      rows,
      columns,
      segments,
      run,
      bias,
      flags,
    } = p;
    const whole = f.i32(columns.eq(8));
    for (const i of heights) f.store(tilePlaces, f.i32((i - 1) * PANEL_BYTES), 4 * (i - 1));
    const finish = { bias: f.i32(bias.where(whole, 0)), flags: f.i32(flags.where(whole, 0)) };
    const to = f.i32(c.where(whole, tile));
    const at = f.i32();
    f.while(rows, () => {
      const take = nextTileRows(f, rows, full);
      f.set(at, places.where(whole, tilePlaces));
      const patch = { patches, a, aSegment, segments, run };
      callFor(f, pixelTiles, take, { ...patch, b, places: at, c: to, ...finish });
      f.if(whole.not(), () => {
        f.for(0, take, 1, (i) => {
          const place = places.add(i.shl(2)).load();
          f.call(merge, { tile: tile.add(i.shl(5)), c: c.add(place), columns, bias, flags });
        });
      });
      f.step(patches, take.shl(2));
      f.step(places, take.shl(2));
      f.set(rows, rows.sub(take));
    });
  });
  return { full, panel, strips: defineStrips(module), pixels };
}
