// This module is browser compatible.
/**
 * Convolutions for the system's BLAS: the patches of some pixels are written out as a matrix, in memory that stays in
 * the caches, and multiplied there.
 *
 * A chunk is `blockRows` rows of `blockImages` images; more than one image only where all their rows are in it.
 */

import { JOB, readSlots } from "./arguments.ts";
import { type Callee, type FunctionBuilder, integers, type ModuleBuilder } from "./assembler.ts";
import { defineCopy, defineZeros } from "./band.ts";
import type { BlasEdges, SgemmCallee } from "./blas_jobs.ts";
import { eachElement } from "./loop_builder.ts";
import { AREA_B } from "./scratch.ts";
import { I32 } from "./values.ts";

/** Arguments of the three jobs. Addresses are in bytes, sizes in elements; images NHWC, one group. */
export const CONV_BLAS_SLOTS = [
  ...["x", "weight", "y", "bias", "flags", "images", "channels", "height", "width"],
  ...["outHeight", "outWidth", "N", "tapsY", "tapsX", "stride", "padding"],
  ...["blockRows", "tasksRows", "blockImages", "blockN", "tasksN", "blockY", "tasksY"],
] as const;

type Locals = Record<(typeof CONV_BLAS_SLOTS)[number], I32>;

const PATCH = integers(
  ...["image", "height", "width", "channels", "y", "x", "tapsY", "tapsX", "patch"] as const,
);
type Patch = Callee<keyof typeof PATCH>;

/**
 * Walks the patch whose first pixel is (y, x), which may lie in the padding (signed), run by run: `inside` and
 * `outside` are given where a run of floats lies in the image and in the patch, and how long it is.
 */
function definePatch(
  module: ModuleBuilder,
  inside: (f: FunctionBuilder, image: I32, patch: I32, count: I32) => void,
  outside: (f: FunctionBuilder, patch: I32, count: I32) => void,
): Patch {
  return module.define(PATCH, (f, { image, height, width, channels, y, x, tapsY, tapsX, patch }) => {
    // Taps before `begin` and from `end` on lie in the padding.
    const none = f.i32(0);
    const begin = f.i32(none.sub(x).where(x.ltSigned(0), 0));
    f.set(begin, begin.min(tapsX));
    const end = f.i32(width.sub(x));
    f.set(end, none.where(end.ltSigned(begin), end));
    f.set(end, end.min(tapsX));
    f.set(end, begin.where(end.lt(begin), end));
    const part = (taps: I32, body: (count: I32) => void) => {
      const count = f.i32(taps.mul(channels));
      f.if(count, () => {
        body(count);
        f.step(patch, count.shl(2));
      });
    };
    f.while(tapsY, () => {
      f.if(y.lt(height), () => { // Unsigned: a negative row is past the height too.
        part(begin, (count) => outside(f, patch, count));
        part(
          end.sub(begin),
          (count) => inside(f, image.add(y.mul(width).add(x).add(begin).mul(channels).shl(2)), patch, count),
        );
        part(tapsX.sub(end), (count) => outside(f, patch, count));
      }, () => part(tapsX, (count) => outside(f, patch, count)));
      f.step(y, 1);
      f.step(tapsY, -1);
    });
  });
}

/** Defines the three jobs: forward, the gradient of the input, the gradient of the weights. */
export function defineConvBlasJobs(
  module: ModuleBuilder,
  sgemm: SgemmCallee,
  edges: BlasEdges,
): { readonly forward: Callee; readonly input: Callee; readonly weight: Callee } {
  const zeros = defineZeros(module);
  const copy = defineCopy(module);
  const gather = definePatch(
    module,
    (f, from, to, count) => f.call(copy, { from, to, count }),
    (f, to, count) => f.call(zeros, { to, count }),
  );
  const scatter = definePatch(module, (f, image, patch, count) => {
    const [to, from, left] = [f.i32(image), f.i32(patch), f.i32(count)];
    eachElement(f, left, [to, from], ({ load, store }) => store(to, load(to).add(load(from))));
  }, () => {}); // what the padding would get is nobody's

  /** Calls `patch` for every pixel of a chunk, rows of the kernel from `ky` on. */
  const eachPatch = (
    f: FunctionBuilder,
    g: Locals,
    chunk: { image: I32; images: I32; row: I32; rows: I32; ky: I32 | number; taps: I32; area: I32 },
    patch: Patch,
  ) => {
    const { channels, height, width, tapsX } = g;
    const to = f.i32(chunk.area);
    const bytes = f.i32(chunk.taps.mul(tapsX).mul(channels).shl(2));
    const imageBytes = f.i32(height.mul(width).mul(channels).shl(2));
    const image = f.i32(g.x.add(chunk.image.mul(imageBytes)));
    f.for(0, chunk.images, 1, () => {
      f.for(0, chunk.rows, 1, (row) => {
        const y = f.i32(chunk.row.add(row).mul(g.stride).sub(g.padding).add(chunk.ky));
        const x = f.i32(I32.of(0).sub(g.padding));
        f.for(0, g.outWidth, 1, () => {
          f.call(patch, { image, height, width, channels, y, x, tapsY: chunk.taps, tapsX, patch: to });
          f.step(to, bytes);
          f.step(x, g.stride);
        });
      });
      f.step(image, imageBytes);
    });
  };

  /** What is left of `total` from `first` on, at most `block`. */
  const rest = (f: FunctionBuilder, total: I32, first: I32, block: I32): I32 => {
    const left = f.i32(total.sub(first));
    return f.i32(left.min(block));
  };

  /** Where the outputs of a chunk begin. */
  const outputs = (g: Locals, image: I32, row: I32) =>
    g.y.add(image.mul(g.outHeight).add(row).mul(g.outWidth).mul(g.N).shl(2));

  // A task is a chunk.
  const forward = module.define(JOB, (f, { args, scratch, first, last }) => {
    const g = readSlots(f, args, CONV_BLAS_SLOTS);
    const area = f.i32(scratch.add(AREA_B));
    const K = f.i32(g.tapsY.mul(g.tapsX).mul(g.channels));
    f.for(first, last, 1, (task) => {
      const row = f.i32(task.rem(g.tasksRows).mul(g.blockRows));
      const image = f.i32(task.div(g.tasksRows).mul(g.blockImages));
      const rows = rest(f, g.outHeight, row, g.blockRows);
      const images = rest(f, g.images, image, g.blockImages);
      eachPatch(f, g, { image, images, row, rows, ky: 0, taps: g.tapsY, area }, gather);
      const pixels = f.i32(images.mul(rows).mul(g.outWidth));
      const c = f.i32(outputs(g, image, row));
      const edge = { c, cRow: g.N.shl(2), rows: pixels, columns: g.N, bias: g.bias, flags: g.flags };
      f.if(g.bias, () => f.call(edges.begin, edge));
      f.call(sgemm, {
        ...{ transposeA: 0, transposeB: 0, M: pixels, N: g.N, K, a: area, lda: K },
        ...{ b: g.weight, ldb: g.N, beta: g.bias.ne(0), c, ldc: g.N },
      });
      f.if(g.flags, () => f.call(edges.end, edge));
    });
  });

  // A task is `blockImages` images: patches of neighbours overlap, so one thread adds them up.
  const input = module.define(JOB, (f, { args, scratch, first, last }) => {
    const g = readSlots(f, args, CONV_BLAS_SLOTS);
    const area = f.i32(scratch.add(AREA_B));
    const K = f.i32(g.tapsY.mul(g.tapsX).mul(g.channels));
    const imageFloats = f.i32(g.height.mul(g.width).mul(g.channels));
    f.for(first, last, 1, (task) => {
      const image = f.i32(task.mul(g.blockImages));
      const images = rest(f, g.images, image, g.blockImages);
      f.call(zeros, { to: g.x.add(image.mul(imageFloats).shl(2)), count: images.mul(imageFloats) });
      f.for(0, g.outHeight, g.blockRows, (row) => {
        const rows = rest(f, g.outHeight, row, g.blockRows);
        f.call(sgemm, {
          ...{ transposeA: 0, transposeB: 1, M: images.mul(rows).mul(g.outWidth), N: K, K: g.N },
          ...{ a: outputs(g, image, row), lda: g.N, b: g.weight, ldb: g.N, beta: 0, c: area, ldc: K },
        });
        eachPatch(f, g, { image, images, row, rows, ky: 0, taps: g.tapsY, area }, scatter);
      });
    });
  });

  // A task is `blockY` rows of the kernel and `blockN` channels; it adds up all chunks.
  const weight = module.define(JOB, (f, { args, scratch, first, last }) => {
    const g = readSlots(f, args, CONV_BLAS_SLOTS);
    const area = f.i32(scratch.add(AREA_B));
    const rowFloats = f.i32(g.tapsX.mul(g.channels));
    f.for(first, last, 1, (task) => {
      const ky = f.i32(task.rem(g.tasksY).mul(g.blockY));
      const taps = rest(f, g.tapsY, ky, g.blockY);
      const n0 = f.i32(task.div(g.tasksY).mul(g.blockN));
      const columns = rest(f, g.N, n0, g.blockN);
      const M = f.i32(taps.mul(rowFloats));
      const c = f.i32(g.weight.add(ky.mul(rowFloats).mul(g.N).add(n0).shl(2)));
      const beta = f.i32(0); // The first chunk overwrites, the others add.
      f.for(0, g.images, g.blockImages, (image) => {
        const images = rest(f, g.images, image, g.blockImages);
        f.for(0, g.outHeight, g.blockRows, (row) => {
          const rows = rest(f, g.outHeight, row, g.blockRows);
          eachPatch(f, g, { image, images, row, rows, ky, taps, area }, gather);
          f.call(sgemm, {
            ...{ transposeA: 1, transposeB: 0, M, N: columns, K: images.mul(rows).mul(g.outWidth) },
            ...{ a: area, lda: M, b: outputs(g, image, row).add(n0.shl(2)), ldb: g.N, beta, c, ldc: g.N },
          });
          f.set(beta, I32.of(1));
        });
      });
    });
  });
  return { forward, input, weight };
}
