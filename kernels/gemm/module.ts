// This module is browser compatible.
/** The engine's WebAssembly module: every job, emitted for the machine at hand. */

import { ModuleBuilder } from "./assembler.ts";
import { defineBlasEdges, defineBlasJob, importSgemm } from "./blas_jobs.ts";
import { defineConvBlasJobs } from "./conv_blas_jobs.ts";
import { defineConvJob, defineConvWeightJob } from "./conv_jobs.ts";
import { defineDepthwise, defineDepthwiseInput, defineDepthwiseWeight } from "./depthwise_jobs.ts";
import { defineDotJob, defineGemmJob } from "./gemm_jobs.ts";
import type { LoopShape } from "./loop_builder.ts";
import { defineLoops } from "./loops.ts";
import { definePool } from "./pool_jobs.ts";
import { defineTiles } from "./tiles.ts";

/** A module and where its jobs are. */
export interface EngineModule {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Table entries by job name. */
  readonly entries: ReadonlyMap<string, number>;
  /** Loops by name. */
  readonly loops: ReadonlyMap<string, LoopShape>;
}

/** Emits the module; with the system's BLAS where `blas` is set: it imports the function then. */
export function buildModule(
  options: { relaxed: boolean; shared: boolean; maximumPages: number; blas?: boolean },
): EngineModule {
  const module = new ModuleBuilder(options.relaxed);
  const sgemm = options.blas ? importSgemm(module) : undefined;
  const tiles = defineTiles(module);
  module.job("gemm", defineGemmJob(module, tiles));
  module.job("dot", defineDotJob(module));
  module.job("conv", defineConvJob(module, tiles));
  module.job("conv_weight", defineConvWeightJob(module, tiles));
  module.job("depthwise", defineDepthwise(module));
  module.job("depthwise_input", defineDepthwiseInput(module));
  module.job("depthwise_weight", defineDepthwiseWeight(module));
  if (sgemm) {
    const edges = defineBlasEdges(module);
    module.job("blas", defineBlasJob(module, sgemm, edges));
    const conv = defineConvBlasJobs(module, sgemm, edges);
    module.job("conv_blas", conv.forward);
    module.job("conv_blas_input", conv.input);
    module.job("conv_blas_weight", conv.weight);
  }
  const loops = defineLoops(module);
  definePool(module);
  return { bytes: module.bytes(options), entries: module.entries, loops };
}

/** Whether this machine's WebAssembly has the relaxed multiply-add. */
export function hasRelaxedSimd(): boolean {
  const module = new ModuleBuilder(true);
  module.define({ x: "v128" }, (f, { x }) => f.set(x, f.madd(x, x, x)));
  return WebAssembly.validate(module.bytes({ shared: false, maximumPages: 1 }));
}
