// This module is browser compatible.
/** Depthwise convolution (one input and one output channel a group): loops with SIMD along the channels. */

import { JOB, readSlots } from "./arguments.ts";
import type { Callee, FunctionBuilder, ModuleBuilder } from "./assembler.ts";
import { eachElement, type Lanes, wholeLanes } from "./loop_builder.ts";
import { rectify } from "./micro_kernel.ts";
import type { I32 } from "./values.ts";

/**
 * Arguments. Images are [images, height, width, C] with C contiguous, weights [tapsY, tapsX, C].
 *
 * "depthwise": a task is one row of y. "depthwise_input": a task is one row of x, which holds dX, and y dY.
 * "depthwise_weight": a task is `blockC` channels; weight holds dWeight and y dY.
 */
export const DEPTHWISE_SLOTS = [
  ...["x", "weight", "y", "bias", "images", "channels"],
  ...[
    "inHeight",
    "inWidth",
    "outHeight",
    "outWidth",
    "tapsY",
    "tapsX",
    "stride",
    "padding",
    "flags",
    "blockC",
  ],
] as const;

/** Channels whose sums are kept in registers at a time, in vectors of four. */
const VECTORS = 4;

type Locals = Record<(typeof DEPTHWISE_SLOTS)[number], I32>;

/** Walks the channels, VECTORS vectors at a time, then one, then singly; `channel` is in bytes. */
function eachChannel(
  f: FunctionBuilder,
  count: I32,
  body: (lanes: Lanes, channel: I32, vectors: number) => void,
): void {
  const channel = f.i32(0);
  const left = f.i32(count);
  f.while(left.ge(4 * VECTORS), () => {
    body(wholeLanes(f), channel, VECTORS);
    f.step(channel, 16 * VECTORS);
    f.step(left, -4 * VECTORS);
  });
  eachElement(f, left, [channel], (lanes) => body(lanes, channel, 1));
}

/** Defines the forward job: y[p] = Σ over taps of x · weight. */
export function defineDepthwise(module: ModuleBuilder): Callee {
  return module.define(JOB, (f, { args, first, last }) => {
    const g: Locals = readSlots(f, args, DEPTHWISE_SLOTS);
    const pixel = f.i32(g.channels.shl(2));
    f.for(first, last, 1, (row) => {
      const oy = f.i32(row.rem(g.outHeight));
      const image = f.i32(g.x.add(row.div(g.outHeight).mul(g.inHeight).mul(g.inWidth).mul(pixel)));
      const y0 = f.i32(oy.mul(g.stride).sub(g.padding));
      const to = f.i32(g.y.add(row.mul(g.outWidth).mul(pixel)));
      f.for(0, g.outWidth, 1, (ox) => {
        const x0 = f.i32(ox.mul(g.stride).sub(g.padding));
        eachChannel(f, g.channels, (lanes, channel, vectors) => {
          const sums = Array.from({ length: vectors }, () => f.v128(0));
          f.if(g.bias, () => {
            for (const [v, sum] of sums.entries()) f.set(sum, lanes.load(g.bias.add(channel), 16 * v));
          });
          f.for(0, g.tapsY, 1, (ky) => {
            const iy = f.i32(y0.add(ky));
            f.if(iy.lt(g.inHeight), () => { // unsigned: rows of the padding are past the height
              f.for(0, g.tapsX, 1, (kx) => {
                const ix = f.i32(x0.add(kx));
                f.if(ix.lt(g.inWidth), () => {
                  const from = f.i32(image.add(iy.mul(g.inWidth).add(ix).mul(pixel)).add(channel));
                  const tap = f.i32(g.weight.add(ky.mul(g.tapsX).add(kx).mul(pixel)).add(channel));
                  for (const [v, sum] of sums.entries()) {
                    f.set(sum, f.madd(lanes.load(from, 16 * v), lanes.load(tap, 16 * v), sum));
                  }
                });
              });
            });
          });
          rectify(f, g.flags, sums);
          for (const [v, sum] of sums.entries()) lanes.store(to.add(channel), sum, 16 * v);
        });
        f.step(to, pixel);
      });
    });
  });
}

/** Defines the gradient of the input: each input gathers from the outputs that it reached. */
export function defineDepthwiseInput(module: ModuleBuilder): Callee {
  return module.define(JOB, (f, { args, first, last }) => {
    const g: Locals = readSlots(f, args, DEPTHWISE_SLOTS);
    const pixel = f.i32(g.channels.shl(2));
    f.for(first, last, 1, (row) => {
      const iy = f.i32(row.rem(g.inHeight));
      const image = f.i32(g.y.add(row.div(g.inHeight).mul(g.outHeight).mul(g.outWidth).mul(pixel)));
      const to = f.i32(g.x.add(row.mul(g.inWidth).mul(pixel)));
      const padded = f.i32(iy.add(g.padding));
      const ky0 = f.i32(padded.rem(g.stride));
      const oy0 = f.i32(padded.div(g.stride));
      f.for(0, g.inWidth, 1, (ix) => {
        f.set(padded, ix.add(g.padding));
        const kx0 = f.i32(padded.rem(g.stride));
        const ox0 = f.i32(padded.div(g.stride));
        eachChannel(f, g.channels, (lanes, channel, vectors) => {
          const sums = Array.from({ length: vectors }, () => f.v128(0));
          // Taps a stride apart meet outputs one apart, backwards; before the first one they are huge, unsigned.
          const oy = f.i32(oy0);
          f.for(ky0, g.tapsY, g.stride, (ky) => {
            f.if(oy.lt(g.outHeight), () => {
              const ox = f.i32(ox0);
              f.for(kx0, g.tapsX, g.stride, (kx) => {
                f.if(ox.lt(g.outWidth), () => {
                  const from = f.i32(image.add(oy.mul(g.outWidth).add(ox).mul(pixel)).add(channel));
                  const tap = f.i32(g.weight.add(ky.mul(g.tapsX).add(kx).mul(pixel)).add(channel));
                  for (const [v, sum] of sums.entries()) {
                    f.set(sum, f.madd(lanes.load(from, 16 * v), lanes.load(tap, 16 * v), sum));
                  }
                });
                f.step(ox, -1);
              });
            });
            f.step(oy, -1);
          });
          for (const [v, sum] of sums.entries()) lanes.store(to.add(channel), sum, 16 * v);
        });
        f.step(to, pixel);
      });
    });
  });
}

/** Defines the gradient of the weights: for each tap, the sum over all pixels of x · dY. */
export function defineDepthwiseWeight(module: ModuleBuilder): Callee {
  return module.define(JOB, (f, { args, first, last }) => {
    const g: Locals = readSlots(f, args, DEPTHWISE_SLOTS);
    const pixel = f.i32(g.channels.shl(2));
    f.for(first, last, 1, (block) => {
      const c0 = f.i32(block.mul(g.blockC));
      const count = f.i32(g.channels.sub(c0));
      f.set(count, count.min(g.blockC));
      const start = f.i32(c0.shl(2));
      f.for(0, g.tapsY, 1, (ky) => {
        f.for(0, g.tapsX, 1, (kx) => {
          eachChannel(f, count, (lanes, channel, vectors) => {
            const sums = Array.from({ length: vectors }, () => f.v128(0));
            const at = f.i32(channel.add(start));
            const dY = f.i32(g.y.add(at));
            f.for(0, g.images, 1, (image) => {
              f.for(0, g.outHeight, 1, (oy) => {
                const iy = f.i32(oy.mul(g.stride).add(ky).sub(g.padding));
                f.if(iy.lt(g.inHeight), () => {
                  const row = f.i32(g.x.add(image.mul(g.inHeight).add(iy).mul(g.inWidth).mul(pixel)).add(at));
                  const ix = f.i32(kx.sub(g.padding));
                  const left = f.i32(g.outWidth);
                  f.while(left, () => {
                    f.if(ix.lt(g.inWidth), () => {
                      const from = f.i32(row.add(ix.mul(pixel)));
                      for (const [v, sum] of sums.entries()) {
                        f.set(sum, f.madd(lanes.load(from, 16 * v), lanes.load(dY, 16 * v), sum));
                      }
                    });
                    f.step(dY, pixel);
                    f.step(ix, g.stride);
                    f.step(left, -1);
                  });
                }, () => f.step(dY, g.outWidth.mul(pixel)));
              });
            });
            const tap = g.weight.add(ky.mul(g.tapsX).add(kx).mul(pixel)).add(at);
            for (const [v, sum] of sums.entries()) lanes.store(tap, sum, 16 * v);
          });
        });
      });
    });
  });
}
