// This module is browser compatible.
/** The matrix product's two jobs: tiles over packed panels, and tiles of dot products over operands as they lie. */

import { JOB, readSlots } from "./arguments.ts";
import type { Callee, FunctionBuilder, ModuleBuilder } from "./assembler.ts";
import { defineDotTile, DOT_ROWS, dotColumns } from "./dot_kernel.ts";
import { ADD_TO_C } from "./micro_kernel.ts";
import { definePackColumns, definePackRows, definePackTransposed } from "./pack.ts";
import { AREA_A, AREA_B, PACKED_PIECE, PACKED_SERIAL, TILE, ZERO_TABLE } from "./scratch.ts";
import { A_PACKED, A_ROWS, STRIP_COLUMNS, type Tiles } from "./tiles.ts";
import { I32 } from "./values.ts";

/**
 * Arguments of both jobs. Addresses, and `…Row` (from a stored row to the next) and `…Batch`, are in bytes.
 * A task is a block of `blockM` rows and `blockN` columns of one product of the batch; tasks count rows first,
 * then columns, then products.
 */
export const GEMM_SLOTS = [
  "a",
  "b",
  "c",
  "bias",
  "M",
  "N",
  "K",
  "aRow",
  "bRow",
  "cRow",
  "aBatch",
  "bBatch",
  "cBatch",
  "flags",
  "blockM",
  "blockN",
  "blockK",
  "tasksM",
  "tasksN",
  "serial",
  "aTransposed",
  "bForm",
  "cColumn",
  "biasRow",
  "biasColumn",
] as const;

/** Values of the slot `bForm`: whole panels read as they lie, packed, or packed from [N, K]. */
export const B_DIRECT = 0;
export const B_ROWS = 1;
export const B_TRANSPOSED = 2;

type Locals = Record<(typeof GEMM_SLOTS)[number], I32>;

/** The block of C that a task owns. */
export function block(f: FunctionBuilder, task: I32, g: Locals) {
  const m0 = f.i32(task.rem(g.tasksM).mul(g.blockM));
  const rest = f.i32(task.div(g.tasksM));
  const n0 = f.i32(rest.rem(g.tasksN).mul(g.blockN));
  const product = f.i32(rest.div(g.tasksN));
  const leftM = f.i32(g.M.sub(m0));
  const leftN = f.i32(g.N.sub(n0));
  return { m0, n0, product, rows: f.i32(leftM.min(g.blockM)), columns: f.i32(leftN.min(g.blockN)) };
}

/** The job that computes tiles over panels of B. */
export function defineGemmJob(module: ModuleBuilder, tiles: Tiles): Callee {
  const packRows = definePackRows(module);
  const packTransposed = definePackTransposed(module);
  const packColumns = definePackColumns(module, tiles.full);
  return module.define(JOB, (f, { args, scratch, first, last }) => {
    const g = readSlots(f, args, GEMM_SLOTS);
    const areaA = f.i32(scratch.add(AREA_A));
    const areaB = f.i32(scratch.add(AREA_B));
    const kind = f.i32(I32.of(A_PACKED).where(g.aTransposed, A_ROWS));
    f.for(first, last, 1, (task) => {
      const { m0, n0, product, rows, columns } = block(f, task, g);
      const a = f.i32(g.a.add(product.mul(g.aBatch)).add(m0.shl(2).where(g.aTransposed, m0.mul(g.aRow))));
      const b = f.i32(
        g.b.add(product.mul(g.bBatch)).add(n0.mul(g.bRow).where(g.bForm.eq(B_TRANSPOSED), n0.shl(2))),
      );
      const c = f.i32(g.c.add(product.mul(g.cBatch)).add(m0.mul(g.cRow)).add(n0.shl(2)));
      const bias = f.i32(g.bias.add(n0.shl(2)).where(g.bias, 0));
      const flags = f.i32(g.flags.and(ADD_TO_C));
      const left = f.i32(g.K);
      const k = f.i32();
      const piece = { b, bRow: g.bRow, k, columns, to: areaB, panel: k.shl(5) };
      const packPiece = () =>
        f.if(
          g.bForm.eq(B_TRANSPOSED),
          () => f.call(packTransposed, piece),
          () => f.call(packRows, piece),
        );
      f.repeat(() => {
        f.set(k, left.min(g.blockK));
        f.if(k.eq(left), () => f.set(flags, flags.or(g.flags))); // A ReLU cuts the whole sum: with the last piece.
        f.if(g.bForm, () => {
          // One piece along k: neighbouring tasks that share the columns find the panels packed.
          f.if(k.eq(g.K), () => {
            const name = f.i32(task.div(g.tasksM));
            const same = scratch.load(PACKED_SERIAL).eq(g.serial).and(scratch.load(PACKED_PIECE).eq(name));
            f.if(same.not(), () => {
              packPiece();
              f.store(scratch, g.serial, PACKED_SERIAL);
              f.store(scratch, name, PACKED_PIECE);
            });
          }, packPiece);
        });
        f.if(g.aTransposed, () => f.call(packColumns, { a, aRow: g.aRow, k, rows, to: areaA }));
        const from = f.i32(a.where(g.aTransposed.not(), areaA));
        const done = f.i32(0);
        f.if(g.bForm.not(), () => {
          f.set(done, columns.div(STRIP_COLUMNS).mul(STRIP_COLUMNS));
          const whole = { a: from, aRow: g.aRow, b, bRow: g.bRow, c, cRow: g.cRow, rows, columns: done };
          f.call(tiles.strips, { ...whole, k, bias, flags });
        });
        f.for(done, columns, 8, (j) => {
          const wide = f.i32(columns.sub(j));
          f.set(wide, wide.min(8));
          const panel = f.i32(areaB.add(j.mul(k).shl(2)));
          const bStep = f.i32(32);
          f.if(g.bForm.not(), () => {
            f.set(panel, b.add(j.shl(2)));
            f.set(bStep, g.bRow);
            f.if(wide.lt(8), () => { // Reading past the last column might leave the memory.
              f.call(packRows, { ...piece, b: panel, columns: wide });
              f.set(panel, areaB);
              f.set(bStep, I32.of(32));
            });
          });
          f.call(tiles.panel, {
            tile: scratch.add(TILE),
            kind,
            table: ZERO_TABLE,
            segments: 1,
            a: from,
            aRow: g.aRow,
            b: panel,
            bRow: bStep,
            c: c.add(j.shl(2)),
            cRow: g.cRow,
            rows,
            columns: wide,
            k,
            bias: bias.add(j.shl(2)).where(bias, 0),
            flags,
          });
        });
        // Later pieces of k add to what the first one wrote.
        f.step(a, k.mul(g.aRow).where(g.aTransposed, k.shl(2)));
        f.step(b, k.shl(2).where(g.bForm.eq(B_TRANSPOSED), k.mul(g.bRow)));
        f.set(flags, flags.or(ADD_TO_C));
        f.set(bias, I32.of(0));
        f.set(left, left.sub(k));
      }, left);
    });
  });
}

/** The job that computes dot products: A [M, K] with B [N, K]. */
export function defineDotJob(module: ModuleBuilder): Callee {
  const full = dotColumns(module.relaxed);
  const widths = [full, 4, 2, 1].filter((width, index, all) => all.indexOf(width) === index);
  const tiles = [DOT_ROWS, 1].map((rows) => widths.map((width) => defineDotTile(module, rows, width)));
  return module.define(JOB, (f, { args, first, last }) => {
    const g = readSlots(f, args, GEMM_SLOTS);
    f.for(first, last, 1, (task) => {
      const { m0, n0, product, rows, columns } = block(f, task, g);
      const a0 = f.i32(g.a.add(product.mul(g.aBatch)).add(m0.mul(g.aRow)));
      const b = f.i32(g.b.add(product.mul(g.bBatch)).add(n0.mul(g.bRow)));
      const c0 = f.i32(g.c.add(product.mul(g.cBatch)).add(m0.mul(g.cRow)).add(n0.mul(g.cColumn)));
      const bias0 = f.i32(g.bias.add(m0.mul(g.biasRow)).add(n0.mul(g.biasColumn)));
      const [a, c, bias, left] = [f.i32(), f.i32(), f.i32(), f.i32()];
      for (const [index, width] of widths.entries()) {
        f.while(columns.ge(width), () => {
          f.set(a, a0);
          f.set(c, c0);
          f.set(bias, bias0);
          f.set(left, rows);
          for (const [which, height] of [DOT_ROWS, 1].entries()) {
            f.while(left.ge(height), () => {
              f.call(tiles[which][index], {
                x: a,
                xRow: g.aRow,
                w: b,
                wRow: g.bRow,
                c,
                cRow: g.cRow,
                cColumn: g.cColumn,
                k: g.K,
                bias,
                biasRow: g.biasRow,
                biasColumn: g.biasColumn,
                flags: g.flags,
              });
              f.step(a, g.aRow.mul(height));
              f.step(c, g.cRow.mul(height));
              f.step(bias, g.biasRow.mul(height));
              f.step(left, -height);
            });
          }
          f.step(b, g.bRow.mul(width));
          f.step(c0, g.cColumn.mul(width));
          f.step(bias0, g.biasColumn.mul(width));
          f.step(columns, -width);
        });
      }
    });
  });
}
