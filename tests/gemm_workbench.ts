// This module runs in Deno only.
/** Arrays in an engine's memory, filled from a fixed seed, and comparison with what they should hold. */

import assert from "node:assert/strict";
import { type EngineOptions, openEngine } from "../kernels/gemm/mod.ts";
import type { CpuEngine } from "../kernels/gemm/mod.ts";
import { openBlas } from "../lib/deno/blas.ts";
import { IN_CI } from "./fixtures.ts";

/** The system's BLAS, where there is one; in CI there must be. */
export const BLAS = openBlas(IN_CI ? "on" : "auto");

/** The engines that products and convolutions are checked with. */
export const ENGINES: readonly { name: string; options: EngineOptions; ignore: boolean }[] = [
  { name: "fused multiply-add", options: { relaxed: true }, ignore: false },
  { name: "separate multiply-add", options: { relaxed: false }, ignore: false },
  { name: "the system's BLAS", options: { blas: BLAS }, ignore: BLAS === undefined },
];

/** An engine and a simple allocator on its memory. */
export class Workbench {
  #top: number;
  #state = 1;

  private constructor(readonly engine: CpuEngine) {
    this.#top = engine.heapStart;
  }

  /** Opens an engine with 32 MiB for arrays. */
  static async open(options: EngineOptions): Promise<Workbench> {
    const engine = await openEngine({ threads: 1, ...options });
    engine.grow(32 << 20);
    return new Workbench(engine);
  }

  /** Gives all arrays back. */
  reset(): void {
    this.#top = this.engine.heapStart;
  }

  /** Gives all arrays back and begins the random numbers anew. */
  restart(): void {
    this.reset();
    this.#state = 1;
  }

  #take(length: number): number {
    const address = this.#top;
    this.#top += Math.ceil(length / 4) * 16;
    return address;
  }

  /** An array of zeros. Its address is a multiple of 16 bytes. */
  array(length: number): Float32Array<ArrayBuffer> {
    // The engine's memory may be shared; the type of a view does not matter to the tests.
    const buffer = this.engine.memory.buffer as ArrayBuffer;
    return new Float32Array(buffer, this.#take(length), length).fill(0);
  }

  arrays(count: number, length: number): Float32Array<ArrayBuffer>[] {
    return Array.from({ length: count }, () => this.array(length));
  }

  integers(length: number): Uint32Array<ArrayBuffer> {
    const buffer = this.engine.memory.buffer as ArrayBuffer;
    return new Uint32Array(buffer, this.#take(length), length).fill(0);
  }

  /** Uniform numbers in `centre` ± `width`. */
  random(length: number, width = 1, centre = 0): Float32Array<ArrayBuffer> {
    return this.fillRandom(this.array(length), width, centre);
  }

  fillRandom<A extends Float32Array>(array: A, width = 1, centre = 0): A {
    for (let i = 0; i < array.length; i++) array[i] = centre + width * (2 * this.next() - 1);
    return array;
  }

  /** The next pseudo-random number in [0, 1). */
  next(): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return this.#state / 2 ** 32;
  }

  /** One of the choices. */
  pick<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.next() * choices.length)];
  }

  /** Fails where `|got - want| > tolerance · max(1, |want|)`, and names the worst element. NaN equals NaN. */
  assertNear(
    got: ArrayLike<number>,
    want: ArrayLike<number>,
    { tolerance, what }: { tolerance: number; what: string },
  ): void {
    assert.equal(got.length, want.length, what);
    let worst = -1;
    let excess = 0;
    for (let i = 0; i < got.length; i++) {
      if (Object.is(got[i], want[i]) || got[i] === want[i]) continue;
      const difference = Math.abs(got[i] - want[i]) / Math.max(1, Math.abs(want[i]));
      if (!(difference <= Math.max(tolerance, excess))) [worst, excess] = [i, difference];
    }
    if (worst >= 0) {
      assert.fail(`${what}: element ${worst} is ${got[worst]}, should be ${want[worst]} (off by ${excess})`);
    }
  }

  /** Runs a loop (arrays are given as such) and compares what it wrote with what it should have. */
  compare(
    call: { name: string; count: number; args: (Float32Array | Uint32Array | number)[]; grain?: number },
    results: { [name: string]: [got: Float32Array, want: Float32Array] },
    tolerance = 2e-6,
  ): void {
    const args = call.args.map((value) => typeof value === "number" ? value : value.byteOffset);
    this.engine.loop(call.name, call.count, args, call.grain);
    for (const [name, [got, want]] of Object.entries(results)) {
      this.assertNear(got, want, { tolerance, what: `${name} of ${call.name}` });
    }
  }

  close(): void {
    this.engine.close();
  }
}
