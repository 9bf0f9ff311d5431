// This module is browser compatible.
/**
 * Loops of batch normalisation over x [rows, C]. Addresses are in bytes.
 *
 * Forwards and backwards an item is a row. The statistics' items are rows too, and each chunk of `grain` rows is a
 * share of its own: partial [chunks, 2, C].
 */

import { RELUS } from "../relu.ts";
import { floats, type FunctionBuilder, integers } from "./assembler.ts";
import { eachElement, type Lanes, type LoopSet, wholeLanes } from "./loop_builder.ts";
import { F32x4, I32 } from "./values.ts";

/** Channels whose sums are kept in registers at a time, in vectors of four. */
const VECTORS = 4;

/** Runs `body` for each channel (lanes at a time), with pointers that start anew; results go through `lanes`. */
function eachChannel(
  f: FunctionBuilder,
  channels: I32,
  pointers: readonly I32[],
  body: (lanes: Lanes, at: I32[]) => void,
): void {
  const at = pointers.map((pointer) => f.i32(pointer));
  eachElement(f, f.i32(channels), at, (lanes) => body(lanes, at));
}

/**
 * Adds up, over `rows` rows, what `terms` says of each element: sums of VECTORS vectors of channels at a time, then
 * of one, then of single channels. `finish` gets the sums and where the channel's results begin.
 */
function columnSums(
  f: FunctionBuilder,
  sizes: { rows: I32; channels: I32; rowBytes?: I32 },
  pointers: readonly I32[],
  terms: (lanes: Lanes, at: readonly I32[], channel: I32, offset: number, sums: readonly F32x4[]) => void,
  finish: (lanes: Lanes, channel: I32, offset: number, sums: readonly F32x4[]) => void,
): void {
  const { rows, channels } = sizes;
  const channel = f.i32(0); // in bytes
  const rowBytes = sizes.rowBytes ?? f.i32(channels.shl(2));
  const block = (vectors: number, lanes: Lanes) => {
    const sums = Array.from({ length: vectors }, () => [f.v128(0), f.v128(0)]);
    const at = pointers.map((pointer) => f.i32(pointer.add(channel)));
    const left = f.i32(rows);
    f.while(left, () => {
      for (const [index, two] of sums.entries()) terms(lanes, at, channel, 16 * index, two);
      for (const pointer of at) f.step(pointer, rowBytes);
      f.step(left, -1);
    });
    for (const [index, two] of sums.entries()) finish(lanes, channel, 16 * index, two);
  };
  const left = f.i32(channels);
  f.while(left.ge(4 * VECTORS), () => {
    block(VECTORS, wholeLanes(f));
    f.step(channel, 16 * VECTORS);
    f.step(left, -4 * VECTORS);
  });
  eachElement(f, left, [channel], (lanes) => block(1, lanes));
}

/** What gives d_y, or 0 where y is on the flat of a fused ReLU (its number). */
function upstreamOf(f: FunctionBuilder, relu: I32): (dY: F32x4, y: () => F32x4) => F32x4 {
  const top = f.v128(F32x4.of(NaN)); // nothing is at or above NaN
  f.if(relu.eq(RELUS.relu6), () => f.set(top, F32x4.of(6)));
  return (dY, y) => {
    const g = f.v128(dY);
    f.if(relu, () => {
      const out = f.v128(y());
      f.set(g, F32x4.of(0).where(out.le(0).or(out.ge(top)), g));
    });
    return g;
  };
}

/** Defines the loops. Their arguments are the slots' names, in order. */
export function defineNormLoops(loops: LoopSet): void {
  // y = weight (x - mean) / √(variance + epsilon) + bias, then ReLU where asked
  const APPLY = {
    ...integers("x", "mean", "variance", "weight", "bias", "y", "channels", "relu"),
    ...floats("epsilon"),
  };
  const perRow = { cost: 0.5, elements: ["channels"] };
  loops.define("batch_norm", { slots: APPLY, ...perRow }, (f, p, { first, count, scratch }) => {
    const { x, mean, variance, weight, bias, y, channels, relu, epsilon } = p;
    const rowBytes = f.i32(channels.shl(2));
    const small = f.v128(epsilon.splat());
    eachChannel(f, channels, [variance, weight, scratch], ({ load, store }, [v, w, to]) => {
      store(to, load(w).div(load(v).add(small).sqrt()));
    });
    const [floor, ceiling] = [f.v128(F32x4.of(-Infinity)), f.v128(F32x4.of(Infinity))];
    f.if(relu, () => f.set(floor, F32x4.of(0)));
    f.if(relu.eq(RELUS.relu6), () => f.set(ceiling, F32x4.of(6)));
    for (const pointer of [x, y]) f.step(pointer, first.mul(rowBytes));
    f.while(count, () => {
      eachChannel(f, channels, [x, mean, scratch, bias, y], ({ load, store }, [at, m, s, b, to]) => {
        store(to, f.madd(load(at).sub(load(m)), load(s), load(b)).max(floor).min(ceiling));
      });
      for (const pointer of [x, y]) f.step(pointer, rowBytes);
      f.step(count, -1);
    });
  });

  // partial[share] = mean, then Σ (x - mean)², of each channel of the share
  const STATISTICS = integers("x", "partial", "channels");
  const reduces = { cost: 0.6, elements: ["channels"], reduces: true };
  loops.define("batch_norm_statistics", { slots: STATISTICS, ...reduces }, (f, p, range) => {
    const { x, partial, channels } = p;
    const rowBytes = f.i32(channels.shl(2));
    f.step(x, range.first.mul(rowBytes));
    f.step(partial, range.chunk.mul(rowBytes).shl(1));
    const squares = f.i32(partial.add(rowBytes));
    const count = f.v128(range.count.toF32().splat());
    const sizes = { rows: range.count, channels };
    columnSums(f, sizes, [x], ({ load }, [at], _, offset, [sum]) => {
      f.set(sum, sum.add(load(at, offset)));
    }, ({ store }, channel, offset, [sum]) => store(partial.add(channel), sum.div(count), offset));
    // Where the mean is large its sum has lost digits: what is left over in the second pass brings them back.
    columnSums(f, sizes, [x], ({ load }, [at], channel, offset, [sum, left]) => {
      const difference = f.v128(load(at, offset).sub(load(partial.add(channel), offset)));
      f.set(sum, f.madd(difference, difference, sum));
      f.set(left, left.add(difference));
    }, ({ load, store }, channel, offset, [sum, left]) => {
      const shift = f.v128(left.div(count));
      store(squares.add(channel), sum.sub(shift.mul(left)), offset);
      store(partial.add(channel), load(partial.add(channel), offset).add(shift), offset);
    });
  });

  // partial[share] = Σ g, then Σ g x̂, with g = d_y or 0 where y is on the flat of a fused ReLU
  const SUMS = {
    ...integers("x", "y", "dY", "mean", "variance", "partial", "channels", "relu"),
    ...floats("epsilon"),
  };
  loops.define("batch_norm_backward_sums", { slots: SUMS, ...reduces }, (f, p, range) => {
    const { x, y, dY, mean, variance, partial, channels, relu, epsilon } = p;
    const rowBytes = f.i32(channels.shl(2));
    const small = f.v128(epsilon.splat());
    for (const pointer of [x, y, dY]) f.step(pointer, range.first.mul(rowBytes));
    f.step(partial, range.chunk.mul(rowBytes).shl(1));
    const products = f.i32(partial.add(rowBytes));
    const upstream = upstreamOf(f, relu);
    columnSums(
      f,
      { rows: range.count, channels },
      [x, y, dY],
      (lanes, [at, out, d], channel, offset, sums) => {
        const g = upstream(lanes.load(d, offset), () => lanes.load(out, offset));
        const centred = lanes.load(at, offset).sub(lanes.load(mean.add(channel), offset));
        f.set(sums[0], sums[0].add(g));
        f.set(sums[1], f.madd(g, centred, sums[1]));
      },
      ({ load, store }, channel, offset, [sum, product]) => {
        store(partial.add(channel), sum, offset);
        const sigma = load(variance.add(channel), offset).add(small).sqrt();
        store(products.add(channel), product.div(sigma), offset);
      },
    );
  });

  // d_x = weight / σ · (g - (Σ g + x̂ Σ g x̂) / rows), or weight / σ · g where `training` is 0; sums [2, C]
  const BACKWARD = {
    ...integers(
      "x",
      "y",
      "dY",
      "mean",
      "variance",
      "weight",
      "sums",
      "dX",
      "rows",
      "channels",
      "relu",
      "training",
    ),
    ...floats("epsilon"),
  };
  loops.define(
    "batch_norm_backward",
    { slots: BACKWARD, cost: 0.8, elements: ["channels"] },
    (f, p, range) => {
      const { x, y, dY, mean, variance, weight, sums, dX, channels, relu, training, epsilon } = p;
      const rowBytes = f.i32(channels.shl(2));
      const small = f.v128(epsilon.splat());
      const inverseRows = f.v128(F32x4.of(1).div(p.rows.toF32().splat()));
      // In evaluation nothing of x and the sums is used: masked away, for they may be infinite.
      const used = f.v128(F32x4.of(0));
      f.if(training, () => f.set(used, F32x4.of(0).le(0)));
      // d_x = scale g - shift - slope (x - mean), with constants of each channel
      const [scales, slopes] = [range.scratch, f.i32(range.scratch.add(rowBytes))];
      const shifts = f.i32(slopes.add(rowBytes));
      const constants = [variance, weight, sums, sums.add(rowBytes), scales, slopes, shifts];
      eachChannel(f, channels, constants, ({ load, store }, [v, w, sum, product, scale, slope, shift]) => {
        const inverse = f.v128(F32x4.of(1).div(load(v).add(small).sqrt()));
        const factor = f.v128(inverse.mul(load(w)));
        store(scale, factor);
        store(slope, factor.mul(inverse).mul(load(product)).mul(inverseRows).and(used));
        store(shift, factor.mul(load(sum)).mul(inverseRows).and(used));
      });
      for (const pointer of [x, y, dY, dX]) f.step(pointer, range.first.mul(rowBytes));
      const upstream = upstreamOf(f, relu);
      f.while(range.count, () => {
        const pointers = [x, y, dY, dX, mean, scales, slopes, shifts];
        eachChannel(f, channels, pointers, ({ load, store }, [at, out, d, to, m, scale, slope, shift]) => {
          const g = upstream(load(d), () => load(out));
          const centred = load(at).sub(load(m)).and(used);
          store(to, load(scale).mul(g).sub(load(shift)).sub(load(slope).mul(centred)));
        });
        for (const pointer of [x, y, dY, dX]) f.step(pointer, rowBytes);
        f.step(range.count, -1);
      });
    },
  );

  // y[share] (+)= scale Σ of the rows of a chunk: x [rows, N] with `rowBytes` from row to row
  const COLUMNS = { ...integers("x", "y", "columns", "rowBytes", "add"), ...floats("scale") };
  loops.define(
    "column_sum",
    { slots: COLUMNS, cost: 0.3, elements: ["columns"], reduces: true },
    (f, p, range) => {
      const { x, y, columns, scale, add } = p;
      const factor = f.v128(scale.splat());
      f.step(x, range.first.mul(p.rowBytes));
      f.step(y, range.chunk.mul(columns).shl(2));
      columnSums(
        f,
        { rows: range.count, channels: columns, rowBytes: p.rowBytes },
        [x],
        ({ load }, [at], _, offset, [sum]) => f.set(sum, sum.add(load(at, offset))),
        ({ load, store }, channel, offset, [sum]) => {
          f.set(sum, sum.mul(factor));
          f.if(add, () => f.set(sum, sum.add(load(y.add(channel), offset))));
          store(y.add(channel), sum, offset);
        },
      );
    },
  );
}
