// This module is browser compatible.
/** The job that hands blocks of a matrix product to the system's BLAS. */

import { JOB, readSlots } from "./arguments.ts";
import { type Callee, type FunctionBuilder, integers, type ModuleBuilder } from "./assembler.ts";
import { defineCopy } from "./band.ts";
import { SGEMM_PARAMETERS } from "./blas.ts";
import { B_TRANSPOSED, block, GEMM_SLOTS } from "./gemm_jobs.ts";
import { eachElement } from "./loop_builder.ts";
import { ADD_TO_C, ANY_RELU, asksRelu6 } from "./micro_kernel.ts";
import { F32x4, type I32 } from "./values.ts";

/** The imported function as jobs call it. */
export type SgemmCallee = Callee<(typeof SGEMM_PARAMETERS)[number]>;

/** Declares the imported function. Before any function is defined. */
export function importSgemm(module: ModuleBuilder): SgemmCallee {
  return module.import("sgemm", integers(...SGEMM_PARAMETERS));
}

const EDGE = integers("c", "cRow", "rows", "columns", "bias", "flags");

/** What surrounds a block's product: its bias before, its ReLU after. */
export interface BlasEdges {
  /** Fills the rows of C with the bias, or adds it to them where `ADD_TO_C` is set. */
  readonly begin: Callee<keyof typeof EDGE>;
  /** Applies ReLU or ReLU6. NaN stays NaN. */
  readonly end: Callee<keyof typeof EDGE>;
}

/** Defines {@linkcode BlasEdges}. Bytes from row to row. */
export function defineBlasEdges(module: ModuleBuilder): BlasEdges {
  const copy = defineCopy(module);
  const eachRow = (f: FunctionBuilder, p: { c: I32; cRow: I32; rows: I32 }, body: () => void) => {
    f.while(p.rows, () => {
      body();
      f.step(p.c, p.cRow);
      f.step(p.rows, -1);
    });
  };
  const begin = module.define(EDGE, (f, p) => {
    const { c, columns, bias, flags } = p;
    f.if(flags.and(ADD_TO_C), () =>
      eachRow(f, p, () => {
        const [to, from, count] = [f.i32(), f.i32(), f.i32()];
        f.set(to, c);
        f.set(from, bias);
        f.set(count, columns);
        eachElement(f, count, [to, from], ({ load, store }) => store(to, load(to).add(load(from))));
      }), () => eachRow(f, p, () => f.call(copy, { from: bias, to: c, count: columns })));
  });
  const end = module.define(EDGE, (f, p) => {
    const ceiling = f.v128(F32x4.of(Infinity));
    f.if(asksRelu6(p.flags), () => f.set(ceiling, F32x4.of(6)));
    eachRow(f, p, () => {
      const [to, count] = [f.i32(), f.i32()];
      f.set(to, p.c);
      f.set(count, p.columns);
      eachElement(f, count, [to], ({ load, store }) => store(to, load(to).max(0).min(ceiling)));
    });
  });
  return { begin, end };
}

/** Defines the job: the slots of the matrix product's own jobs, a task is a block of C. */
export function defineBlasJob(module: ModuleBuilder, sgemm: SgemmCallee, edges: BlasEdges): Callee {
  return module.define(JOB, (f, { args, first, last }) => {
    const g = readSlots(f, args, GEMM_SLOTS);
    const transposeB = f.i32(g.bForm.eq(B_TRANSPOSED));
    f.for(first, last, 1, (task) => {
      const { m0, n0, product, rows, columns } = block(f, task, g);
      const c = f.i32(g.c.add(product.mul(g.cBatch)).add(m0.mul(g.cRow)).add(n0.shl(2)));
      const bias = f.i32(g.bias.add(n0.shl(2)));
      const edge = { c, cRow: g.cRow, rows, columns, bias, flags: g.flags };
      const beta = f.i32(g.flags.and(ADD_TO_C));
      f.if(g.bias, () => {
        f.call(edges.begin, edge);
        f.set(beta, beta.or(1));
      });
      f.call(sgemm, {
        transposeA: g.aTransposed,
        transposeB,
        M: rows,
        N: columns,
        K: g.K,
        a: g.a.add(product.mul(g.aBatch)).add(m0.shl(2).where(g.aTransposed, m0.mul(g.aRow))),
        lda: g.aRow.div(4),
        b: g.b.add(product.mul(g.bBatch)).add(n0.mul(g.bRow).where(transposeB, n0.shl(2))),
        ldb: g.bRow.div(4),
        beta,
        c,
        ldc: g.cRow.div(4),
      });
      f.if(g.flags.and(ANY_RELU), () => f.call(edges.end, edge));
    });
  });
}
