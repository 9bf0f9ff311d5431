// This module is browser compatible.
/**
 * Convolution as a matrix product that never sees its matrix: patches are read from a band of the image.
 *
 * A band (some rows with their padding) is copied next to the thread; in it the patch of a pixel is one run of
 * floats for each row of the kernel, and neighbours' patches overlap, so nothing is stored kh·kw times.
 */

import { JOB, readSlots } from "./arguments.ts";
import type { Callee, ModuleBuilder } from "./assembler.ts";
import { defineBand } from "./band.ts";
import { definePackRows, definePackTransposed } from "./pack.ts";
import {
  AREA_A,
  AREA_B,
  PACKED_PIECE,
  PACKED_SERIAL,
  TABLE_A,
  TABLE_C,
  TILE,
  TILE_OFFSETS,
} from "./scratch.ts";
import { A_COLUMNS, type Tiles } from "./tiles.ts";
import { I32 } from "./values.ts";

/**
 * Arguments of "conv": outputs on a grid of pixels, each from `tapsY` x `tapsX` pixels of the source.
 *
 * Output (i, j) starts at source pixel (originY + i·stepY, originX + j·stepX). Steps through memory are in bytes.
 * A task is `blockRows` rows of the grid of one image, `blockN` channels of one group.
 */
export const CONV_SLOTS = [
  ...["source", "sourceRow", "sourcePixel", "sourceImage", "sourceGroup", "height", "width", "channels"],
  ...["weight", "weightRow", "weightTapY", "weightTapX", "weightGroup", "weightColumn", "weightTransposed"],
  ...["y", "yRow", "yPixel", "yImage", "yGroup", "rows", "columns", "N"],
  ...["originY", "originX", "stepY", "stepX", "tapsY", "tapsX", "bias", "flags"],
  ...["blockRows", "blockN", "tasksRows", "tasksN", "images", "serial", "inPlace"],
] as const;

/** Defines the job of the forward pass and of the gradient of the input. */
export function defineConvJob(module: ModuleBuilder, tiles: Tiles): Callee {
  const packRows = definePackRows(module);
  const packTransposed = definePackTransposed(module);
  const band = defineBand(module);
  return module.define(JOB, (f, { args, scratch, first, last }) => {
    const g = readSlots(f, args, CONV_SLOTS);
    const areaA = f.i32(scratch.add(AREA_A));
    const areaB = f.i32(scratch.add(AREA_B));
    const run = f.i32(g.tapsX.mul(g.channels));
    const panelBytes = f.i32(g.tapsY.mul(run).shl(5));
    f.for(first, last, 1, (task) => {
      // Rows count first, then images, blocks of channels and groups: neighbours share their weights.
      const row0 = f.i32(task.rem(g.tasksRows).mul(g.blockRows));
      const rest = f.i32(task.div(g.tasksRows));
      const image = f.i32(rest.rem(g.images));
      const piece = f.i32(rest.div(g.images));
      const n0 = f.i32(piece.rem(g.tasksN).mul(g.blockN));
      const group = f.i32(piece.div(g.tasksN));
      const rows = f.i32(g.rows.sub(row0));
      f.set(rows, rows.min(g.blockRows));
      const columns = f.i32(g.N.sub(n0));
      f.set(columns, columns.min(g.blockN));

      const packed = scratch.load(PACKED_SERIAL).eq(g.serial).and(scratch.load(PACKED_PIECE).eq(piece));
      f.if(packed.not(), () => {
        const to = f.i32(areaB);
        const weight = f.i32(g.weight.add(group.mul(g.weightGroup)).add(n0.mul(g.weightColumn)));
        f.for(0, g.tapsY, 1, (tapY) => {
          const from = f.i32(weight.add(tapY.mul(g.weightTapY)));
          f.for(0, g.tapsX, 1, () => {
            const one = { b: from, bRow: g.weightRow, k: g.channels, columns, to, panel: panelBytes };
            f.if(g.weightTransposed, () => f.call(packTransposed, one), () => f.call(packRows, one));
            f.step(from, g.weightTapX);
            f.step(to, g.channels.shl(5));
          });
        });
        f.store(scratch, g.serial, PACKED_SERIAL);
        f.store(scratch, piece, PACKED_PIECE);
      });

      const source = f.i32(g.source.add(image.mul(g.sourceImage)).add(group.mul(g.sourceGroup)));
      const y = f.i32(g.originY.add(row0.mul(g.stepY)));
      const [a, aRow, aPixel] = [f.i32(), f.i32(), f.i32()];
      f.if(g.inPlace, () => {
        f.set(a, source.add(y.mul(g.sourceRow)).add(g.originX.mul(g.sourcePixel)));
        f.set(aRow, g.sourceRow);
        f.set(aPixel, g.sourcePixel);
      }, () => {
        const bandColumns = f.i32(g.columns.sub(1).mul(g.stepX).add(g.tapsX));
        f.set(a, areaA);
        f.set(aPixel, g.channels.shl(2));
        f.set(aRow, bandColumns.mul(aPixel));
        f.call(band, {
          image: source,
          imageRow: g.sourceRow,
          imagePixel: g.sourcePixel,
          height: g.height,
          width: g.width,
          y,
          x: g.originX,
          rows: rows.sub(1).mul(g.stepY).add(g.tapsY),
          columns: bandColumns,
          channels: g.channels,
          to: areaA,
        });
      });

      const table = f.i32(scratch);
      f.for(0, rows, 1, (i) => {
        const patch = f.i32(i.mul(g.stepY).mul(aRow));
        const place = f.i32(i.mul(g.yRow));
        f.for(0, g.columns, 1, () => {
          f.store(table, patch, TABLE_A);
          f.store(table, place, TABLE_C);
          f.step(table, 4);
          f.step(patch, g.stepX.mul(aPixel));
          f.step(place, g.yPixel);
        });
      });

      const to = f.i32(g.y.add(image.mul(g.yImage)).add(group.mul(g.yGroup)).add(row0.mul(g.yRow)));
      const channel = f.i32(group.mul(g.N).add(n0).shl(2));
      f.for(0, columns, 8, (j) => {
        const wide = f.i32(columns.sub(j));
        f.call(tiles.pixels, {
          tile: scratch.add(TILE),
          tilePlaces: scratch.add(TILE_OFFSETS),
          patches: scratch.add(TABLE_A),
          a,
          aSegment: aRow,
          b: areaB.add(j.div(8).mul(panelBytes)),
          places: scratch.add(TABLE_C),
          c: to.add(n0.add(j).shl(2)),
          rows: rows.mul(g.columns),
          columns: wide.min(8),
          segments: g.tapsY,
          run,
          bias: g.bias.add(channel).add(j.shl(2)).where(g.bias, 0),
          flags: g.flags,
        });
      });
    });
  });
}

/**
 * Arguments of "conv_weight": `dWeight[ky, kx, ci, co]`, the sum over all pixels of patches times `dY`.
 *
 * A task is `blockY` rows of the kernel and `blockN` channels of one group. The pixels are added up band by band,
 * each of `blockRows` rows of `blockImages` images.
 */
export const CONV_WEIGHT_SLOTS = [
  ...["x", "xRow", "xPixel", "xImage", "xGroup", "height", "width", "channels"],
  ...["dY", "dYRow", "dYPixel", "dYImage", "dYGroup", "rows", "columns", "N"],
  ...["dWeight", "dWeightRow", "dWeightTapY", "dWeightGroup"],
  ...["originY", "originX", "step", "tapsY", "tapsX"],
  ...["blockRows", "blockImages", "blockN", "tasksN", "blockY", "tasksY", "images"],
] as const;

/** Defines the job of the gradient of the weights. */
export function defineConvWeightJob(module: ModuleBuilder, tiles: Tiles): Callee {
  const packRows = definePackRows(module);
  const band = defineBand(module);
  return module.define(JOB, (f, { args, scratch, first, last }) => {
    const g = readSlots(f, args, CONV_WEIGHT_SLOTS);
    const areaA = f.i32(scratch.add(AREA_A));
    const areaB = f.i32(scratch.add(AREA_B));
    const pixel = f.i32(g.channels.shl(2));
    const bandColumns = f.i32(g.columns.sub(1).mul(g.step).add(g.tapsX));
    const bandRow = f.i32(bandColumns.mul(pixel));
    f.for(first, last, 1, (task) => {
      const ky = f.i32(task.rem(g.tasksY).mul(g.blockY));
      const taps = f.i32(g.tapsY.sub(ky));
      f.set(taps, taps.min(g.blockY));
      const rest = f.i32(task.div(g.tasksY));
      const n0 = f.i32(rest.rem(g.tasksN).mul(g.blockN));
      const group = f.i32(rest.div(g.tasksN));
      const columns = f.i32(g.N.sub(n0));
      f.set(columns, columns.min(g.blockN));
      const dWeight = f.i32(
        g.dWeight.add(ky.mul(g.dWeightTapY)).add(group.mul(g.dWeightGroup)).add(n0.shl(2)),
      );
      const flags = f.i32(0); // The first band overwrites, the others add.
      f.for(0, g.images, g.blockImages, (image0) => {
        const images = f.i32(g.images.sub(image0));
        f.set(images, images.min(g.blockImages));
        f.for(0, g.rows, g.blockRows, (row0) => {
          const rows = f.i32(g.rows.sub(row0));
          f.set(rows, rows.min(g.blockRows));
          const dY = g.dY.add(image0.mul(g.dYImage)).add(row0.mul(g.dYRow)).add(group.mul(g.dYGroup));
          const pixels = f.i32(images.mul(rows).mul(g.columns));
          f.call(packRows, {
            b: dY.add(n0.shl(2)),
            bRow: g.dYPixel,
            k: pixels,
            columns,
            to: areaB,
            panel: pixels.shl(5),
          });
          const to = f.i32(areaA);
          const table = f.i32(scratch);
          const bandRows = f.i32(rows.sub(1).mul(g.step).add(taps));
          f.for(0, images, 1, (image) => {
            f.call(band, {
              image: g.x.add(image0.add(image).mul(g.xImage)).add(group.mul(g.xGroup)),
              imageRow: g.xRow,
              imagePixel: g.xPixel,
              height: g.height,
              width: g.width,
              y: g.originY.add(row0.mul(g.step)).add(ky),
              x: g.originX,
              rows: bandRows,
              columns: bandColumns,
              channels: g.channels,
              to,
            });
            f.for(0, rows, 1, (row) => {
              f.store(table, to.sub(areaA).add(row.mul(g.step).mul(bandRow)), TABLE_A);
              f.step(table, 4);
            });
            f.step(to, bandRows.mul(bandRow));
          });
          f.for(0, columns, 8, (j) => {
            const wide = f.i32(columns.sub(j));
            const panel = f.i32(areaB.add(j.mul(pixels).shl(2)));
            const c = f.i32(dWeight.add(j.shl(2)));
            f.for(0, taps, 1, (tap) => {
              f.call(tiles.panel, {
                tile: scratch.add(TILE),
                kind: A_COLUMNS,
                table: scratch.add(TABLE_A),
                segments: images.mul(rows),
                a: areaA.add(tap.mul(bandRow)),
                aRow: g.step.mul(pixel),
                b: panel,
                bRow: 32,
                c: c.add(tap.mul(g.dWeightTapY)),
                cRow: g.dWeightRow,
                rows: g.tapsX.mul(g.channels),
                columns: wide.min(8),
                k: g.columns,
                bias: 0,
                flags,
              });
            });
          });
          f.set(flags, I32.of(1));
        });
      });
    });
  });
}
