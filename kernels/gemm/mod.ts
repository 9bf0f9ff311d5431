// This module is browser compatible.
/** The CPU's fast primitive: SIMD matrix products, convolutions and loops in WebAssembly on a pool of threads. */

export type { Blas, Sgemm } from "./blas.ts";
export type { ConvShape, CpuEngine, GemmArguments } from "./engine.ts";
export { type EngineOptions, openEngine } from "./open.ts";
