// This module is browser compatible.
/** Bands: some rows of an image copied with the padding's zeros around them, one group of channels. */

import { type Callee, integers, type ModuleBuilder } from "./assembler.ts";
import { F32, F32x4 } from "./values.ts";

/** Fills `count` floats with zeros. */
export function defineZeros(module: ModuleBuilder): Callee<"to" | "count"> {
  return module.define(integers("to", "count"), (f, { to, count }) => {
    f.while(count.ge(4), () => {
      f.store(to, F32x4.of(0));
      f.step(to, 16);
      f.step(count, -4);
    });
    f.while(count, () => {
      f.store(to, F32.of(0));
      f.step(to, 4);
      f.step(count, -1);
    });
  });
}

/** Copies `count` floats. */
export function defineCopy(module: ModuleBuilder): Callee<"from" | "to" | "count"> {
  return module.define(integers("from", "to", "count"), (f, { from, to, count }) => {
    for (const vectors of [4, 1]) {
      f.while(count.ge(4 * vectors), () => {
        const loaded = Array.from({ length: vectors }, (_, index) => f.v128(from.loadVector(16 * index)));
        for (const [index, value] of loaded.entries()) f.store(to, value, 16 * index);
        f.step(from, 16 * vectors);
        f.step(to, 16 * vectors);
        f.step(count, -4 * vectors);
      });
    }
    f.while(count, () => {
      f.store(to, from.loadF32());
      f.step(from, 4);
      f.step(to, 4);
      f.step(count, -1);
    });
  });
}

const PARAMETERS = integers(
  ...["image", "imageRow", "imagePixel", "height", "width"] as const,
  ...["y", "x", "rows", "columns", "channels", "to"] as const,
);

/**
 * Copies the band [rows, columns, channels] whose first pixel is (y, x), which may lie in the padding (signed).
 *
 * `image` is the address of the image's first pixel at the first channel; `imageRow` and `imagePixel` are the bytes
 * from row to row and from pixel to pixel.
 */
export function defineBand(module: ModuleBuilder): Callee<keyof typeof PARAMETERS> {
  const zeros = defineZeros(module);
  const copy = defineCopy(module);
  return module.define(PARAMETERS, (f, p) => {
    const { image, imageRow, imagePixel, height, width, y, x, rows, columns, channels, to } = p;
    const bytes = f.i32(channels.shl(2));
    const none = f.i32(0);
    // Columns before `begin` and from `end` on lie in the padding.
    const begin = f.i32(none.sub(x).where(x.ltSigned(0), 0));
    f.set(begin, begin.min(columns));
    const end = f.i32(width.sub(x));
    f.set(end, none.where(end.ltSigned(begin), end));
    f.set(end, end.min(columns));
    f.set(end, begin.where(end.lt(begin), end));
    const from = f.i32();
    const fill = (count: typeof begin) => {
      f.call(zeros, { to, count: count.mul(channels) });
      f.step(to, count.mul(bytes));
    };
    f.while(rows, () => {
      f.if(y.lt(height), () => { // Unsigned: a negative row is past the height too.
        fill(begin);
        f.set(from, image.add(y.mul(imageRow)).add(x.add(begin).mul(imagePixel)));
        f.if(imagePixel.eq(bytes), () => {
          f.call(copy, { from, to, count: end.sub(begin).mul(channels) });
          f.step(to, end.sub(begin).mul(bytes));
        }, () => {
          f.for(begin, end, 1, () => {
            f.call(copy, { from, to, count: channels });
            f.step(from, imagePixel);
            f.step(to, bytes);
          });
        });
        fill(columns.sub(end));
      }, () => fill(columns));
      f.step(y, 1);
      f.step(rows, -1);
    });
  });
}
