// This module is browser compatible.
/** Loops of max pooling over images [B, height, width, C]; `place` (u32) is `ky * kernel + kx` of the maximum. */

import { integers } from "./assembler.ts";
import { eachElement, type LoopSet } from "./loop_builder.ts";
import { F32x4, I32 } from "./values.ts";

/** Sizes that both loops take after their arrays. */
const SHAPE = [
  ...["inHeight", "inWidth", "outHeight", "outWidth"] as const,
  ...["channels", "kernel", "stride", "padding"] as const,
] as const;

/** Defines the loops. Their arguments are the slots' names, in order. */
export function definePoolLoops(loops: LoopSet): void {
  // An item is a row of y. Of equals the first counts; NaN counts as larger than all, of several the last.
  const FORWARD = integers("x", "y", "place", ...SHAPE);
  const cost = { cost: 1, elements: ["outWidth", "channels"] };
  loops.define("max_pool2d", { slots: FORWARD, ...cost }, (f, p, { first, count }) => {
    const { x, y, place, inHeight, inWidth, outHeight, outWidth, channels, kernel, stride, padding } = p;
    const pixel = f.i32(channels.shl(2));
    const end = f.i32(first.add(count));
    for (const pointer of [y, place]) f.step(pointer, first.mul(outWidth).mul(pixel));
    f.for(first, end, 1, (row) => {
      const image = f.i32(x.add(row.div(outHeight).mul(inHeight).mul(inWidth).mul(pixel)));
      const y0 = f.i32(row.rem(outHeight).mul(stride).sub(padding));
      const x0 = f.i32(I32.of(0).sub(padding));
      f.for(0, outWidth, 1, () => {
        const channel = f.i32(image);
        eachElement(f, f.i32(channels), [channel, y, place], ({ load, store }) => {
          const best = f.v128(-Infinity);
          const where = f.v128(0);
          const fresh = f.v128(F32x4.bits(-1)); // nothing seen yet: the first value counts, whatever it is
          f.for(0, kernel, 1, (ky) => {
            const iy = f.i32(y0.add(ky));
            f.if(iy.lt(inHeight), () => { // unsigned: rows of the padding are past the height
              f.for(0, kernel, 1, (kx) => {
                const ix = f.i32(x0.add(kx));
                f.if(ix.lt(inWidth), () => {
                  const value = load(channel.add(iy.mul(inWidth).add(ix).mul(pixel)));
                  const larger = f.v128(value.gt(best).or(value.ne(value)).or(fresh));
                  f.set(best, value.where(larger, best));
                  f.set(where, ky.mul(kernel).add(kx).splat().where(larger, where));
                  f.set(fresh, F32x4.of(0));
                });
              });
            });
          });
          store(y, best);
          store(place, where);
        });
        f.step(x0, stride);
      });
    });
  });

  // An item is an image: windows may overlap, so its dX is filled with zeros and added to.
  const BACKWARD = integers("place", "dY", "dX", ...SHAPE);
  const imageCost = { cost: 2, elements: ["inHeight", "inWidth", "channels"] };
  loops.define("max_pool2d_backward", { slots: BACKWARD, ...imageCost }, (f, p, { first, count }) => {
    const { place, dY, dX, inHeight, inWidth, outHeight, outWidth, channels, kernel, stride, padding } = p;
    const pixel = f.i32(channels.shl(2));
    const imageBytes = f.i32(inHeight.mul(inWidth).mul(pixel));
    for (const pointer of [place, dY]) f.step(pointer, first.mul(outHeight).mul(outWidth).mul(pixel));
    f.step(dX, first.mul(imageBytes));
    f.while(count, () => {
      const zero = f.i32(dX);
      eachElement(f, f.i32(imageBytes.div(4)), [zero], ({ store }) => store(zero, F32x4.of(0)));
      f.for(0, outHeight, 1, (oy) => {
        const y0 = f.i32(oy.mul(stride).sub(padding));
        const x0 = f.i32(I32.of(0).sub(padding));
        f.for(0, outWidth, 1, () => {
          const channel = f.i32(dX);
          eachElement(f, f.i32(channels), [channel, dY, place], ({ load, store }) => {
            const [gradient, where] = [load(dY), load(place)];
            f.for(0, kernel, 1, (ky) => {
              const iy = f.i32(y0.add(ky));
              f.if(iy.lt(inHeight), () => {
                f.for(0, kernel, 1, (kx) => {
                  const ix = f.i32(x0.add(kx));
                  f.if(ix.lt(inWidth), () => {
                    const at = f.i32(channel.add(iy.mul(inWidth).add(ix).mul(pixel)));
                    const here = where.equalInteger(ky.mul(kernel).add(kx).splat());
                    store(at, load(at).add(gradient.and(here)));
                  });
                });
              });
            });
          });
          f.step(x0, stride);
        });
      });
      f.step(dX, imageBytes);
      f.step(count, -1);
    });
  });
}
