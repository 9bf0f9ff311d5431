// This module is browser compatible.
/**
 * What a kernel is: a WGSL program, the buffers and parameters it binds, and its twin in plain TypeScript.
 *
 * The twin, {@linkcode Kernel.cpu}, says in loops what the WGSL must compute. It is the specification, the
 * oracle of the tests and the fallback where there is no GPU.
 */

import type { CpuEngine } from "./gemm/engine.ts";

/** Memory as a twin sees it: f32 (f64 in gradient checks), or u32 for token ids and packed pixels. */
export type NumberArray = Float32Array | Float64Array | Uint32Array;

/** WGSL scalar types a parameter may have. All are four bytes, so the uniform struct needs no padding rules. */
export type ParamType = "u32" | "i32" | "f32";

/** Workgroups in x, y and z; none may exceed {@linkcode MAX_WORKGROUPS}. */
export type Grid = readonly [x: number, y: number, z: number];

/** The largest number of workgroups in one dimension that WebGPU guarantees. */
export const MAX_WORKGROUPS = 65535;

/** What a kernel may know of the adapter when it chooses between its programs. */
export interface AdapterTraits {
  /** A CPU plays the GPU (lavapipe, SwiftShader): loads are dear and barriers dearer. */
  readonly software: boolean;
}

/** One WGSL program with entry point `main`. */
export interface Program<P extends string = string> {
  /** Name in errors, labels and profiles. */
  readonly name: string;
  /** Source, imported as text from a `.wgsl` file. */
  readonly wgsl: string;
  /** Values of the program's `override` constants. */
  readonly constants?: Readonly<Record<string, number>>;
  /** How many workgroups cover the given parameters. */
  workgroups(params: Readonly<Record<P, number>>): Grid;
}

/**
 * A program, its bindings and its twin.
 *
 * Binding 0 is the uniform `params`, then `inputs` (read), then `outputs` (read_write) in order. An output may
 * also be read: WebGPU forbids binding one buffer twice in one dispatch when either binding writes.
 */
export interface Kernel<B extends string = string, P extends string = string> extends Program<P> {
  /** Buffers that are only read. */
  readonly inputs: readonly B[];
  /** Buffers that are written, and may be read. */
  readonly outputs: readonly B[];
  /** Outputs of which an element is read only by the invocation that writes it, and before it does. */
  readonly inPlace?: readonly NoInfer<B>[];
  /** Parameters in the order of the WGSL struct `Params`. */
  readonly params: Readonly<Record<P, ParamType>>;
  /** Other programs with the same bindings, for other shapes or adapters. */
  readonly variants?: readonly Program<NoInfer<P>>[];
  /** The program to run: this kernel itself or one of its variants. */
  choose?(params: Readonly<Record<P, number>>, adapter: AdapterTraits): Program<NoInfer<P>>;
  /** The twin: plain loops that say what the WGSL computes. */
  cpu(buffers: Readonly<Record<B, NumberArray>>, params: Readonly<Record<P, number>>): void;
  /** The same on the CPU, faster: through the SIMD engine, or loops shaped for speed. f32 only. */
  fast?(
    buffers: Readonly<Record<B, NumberArray>>,
    params: Readonly<Record<P, number>>,
    engine: CpuEngine,
  ): void;
}

/** Returns `kernel`, with its buffer and parameter names checked by the compiler wherever it is run. */
export function defineKernel<const B extends string, const P extends string>(
  kernel: Kernel<B, P>,
): Kernel<B, P> {
  return kernel;
}

/** `a / b`, rounded up: how many blocks of `b` cover `a`. */
export function ceilDiv(a: number, b: number): number {
  return Math.ceil(a / b);
}

/**
 * A grid with one invocation for each of `count` elements, folded into y past the limit of x.
 *
 * The WGSL side is `let i = id.x + id.y * groups.x * WORKGROUP;` with `groups` from `num_workgroups`, and a
 * guard against `i >= count`.
 *
 * @param count Elements to cover.
 * @param workgroupSize Invocations in a workgroup (along x).
 */
export function linearGrid(count: number, workgroupSize: number): Grid {
  const groups = ceilDiv(count, workgroupSize);
  const rows = Math.max(1, ceilDiv(groups, MAX_WORKGROUPS));
  return [Math.max(1, ceilDiv(groups, rows)), rows, 1];
}
