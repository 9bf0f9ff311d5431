// This module is browser compatible.
/** What a kernel case is, and how one is checked: a program's numbers on a device against the twin's in f64. */

import type { Kernel, Program } from "../../kernels/kernel.ts";
import type { Backend } from "../../lib/backend/backend.ts";

/** Contents of a buffer: numbers exact in f32, or ids, words and flags. */
export type CaseArray = Float64Array | Uint32Array;

/** A kernel's buffers and parameters. */
export interface CaseData {
  readonly arrays: Readonly<Record<string, CaseArray>>;
  readonly params: Readonly<Record<string, number>>;
}

/** One program with one set of buffers. */
export interface KernelCase {
  readonly kernel: Kernel;
  /** The kernel itself or one of its variants. */
  readonly program: Program;
  /** What is special about it, with its sizes. */
  readonly what: string;
  /** Makes the same data at each call. */
  readonly make: () => CaseData;
  /** Largest `|got − want| / (1 + |want|)`. */
  readonly tolerance: number;
  /** Compare the outputs' sums: the kernel leaves open which element holds which part. */
  readonly sums: boolean;
}

/** The worst element of a case. */
export interface CaseResult {
  /** Program and what is special about it. */
  readonly name: string;
  /** Largest `|got − want| / (1 + |want|)`; infinite where one of the two is not a number. */
  readonly error: number;
  readonly tolerance: number;
  /** "d_x[7] is 0.5, should be 0.25", of the worst element. */
  readonly message: string;
}

/** Sums of n products of numbers below 0.5 drift by some 1e-7 · √n; 1e-5 allows for 2,000 of them. */
const TOLERANCE = 1e-5;

/** NaN behind every input: reading beyond its end shows. */
const TAIL = 64;

/** A case of the kernel itself. */
export function kernelCase<B extends string, P extends string>(
  kernel: Kernel<B, P>,
  what: string,
  make: (numbers: Numbers) => { arrays: Record<B, CaseArray>; params: Record<P, number> },
  options: { readonly program?: Program<P>; readonly tolerance?: number; readonly sums?: boolean } = {},
): KernelCase {
  const { program = kernel, tolerance = TOLERANCE, sums = false } = options;
  return {
    kernel: kernel as unknown as Kernel, // the compiler has checked names against `make`
    program: program as unknown as Program,
    what,
    make: () => {
      const { arrays, params } = make(new Numbers(`${kernel.name} ${what}`));
      const guarded: Record<string, CaseArray> = { ...arrays };
      for (const name of kernel.inputs) guarded[name] = withTail(arrays[name]);
      return { arrays: guarded, params };
    },
    tolerance,
    sums,
  };
}

/** A program with one row of workgroups, folded into y as they are past 65,535; one or two more than it takes. */
export function folded<P extends string>(program: Program<P>): Program<P> {
  return {
    ...program,
    workgroups(params) {
      const [x] = program.workgroups(params);
      return [Math.ceil((x + 1) / 2), 2, 1];
    },
  };
}

function withTail(array: CaseArray): CaseArray {
  if (array instanceof Uint32Array) return array;
  const longer = new Float64Array(array.length + TAIL).fill(NaN);
  longer.set(array);
  return longer;
}

/** Pseudo-random contents, the same for the same name. */
export class Numbers {
  #state: number;

  constructor(name: string) {
    let hash = 1;
    for (const letter of name) hash = Math.imul(hash ^ letter.codePointAt(0)!, 0x01000193);
    this.#state = hash >>> 0;
  }

  /** From 0 to 1. */
  next(): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return this.#state / 2 ** 32;
  }

  /** Numbers of `least` to `largest`, exact in f32. */
  uniform(length: number, least = -0.5, largest = 0.5): Float64Array {
    return Float64Array.from({ length }, () => Math.fround(least + (largest - least) * this.next()));
  }

  /** Whole numbers below `limit`. */
  ids(length: number, limit: number): Uint32Array {
    return Uint32Array.from({ length }, () => Math.floor(limit * this.next()));
  }
}

/** Contents that must be overwritten. */
export function unwritten(length: number): Float64Array {
  return new Float64Array(length).fill(NaN);
}

/** Runs a case on a device (on the CPU the kernel's fast form) and compares every output with the twin's in f64. */
export async function runCase(
  backend: Backend,
  { kernel, program, what, make, tolerance, sums }: KernelCase,
): Promise<CaseResult> {
  const { arrays, params } = make();
  const names = [...kernel.inputs, ...kernel.outputs];
  const storages = names.map((name) =>
    backend.alloc(arrays[name].length, arrays[name] instanceof Uint32Array ? "u32" : "f32")
  );
  names.forEach((name, i) => backend.write(storages[i], arrays[name]));
  const buffers = Object.fromEntries(names.map((name, i) => [name, storages[i]]));
  backend.run({ ...kernel, choose: () => program }, buffers, params);
  kernel.cpu(arrays, params);
  let worst = { error: 0, message: "equal" };
  for (const name of kernel.outputs) {
    const got = await backend.read(storages[names.indexOf(name)]);
    const [ours, want] = sums ? [got, arrays[name]].map(sumOf) : [got, arrays[name]];
    worst = worstOf(name, { got: ours, want, worst });
  }
  for (const storage of storages) backend.free(storage);
  return { name: `${program.name}, ${what}`, tolerance, ...worst };
}

function sumOf(array: ArrayLike<number>): number[] {
  return [Array.from(array).reduce((sum, value) => sum + value, 0)];
}

type Worst = { readonly error: number; readonly message: string };

function worstOf(
  name: string,
  { got, want, worst }: { got: ArrayLike<number>; want: ArrayLike<number>; worst: Worst },
): Worst {
  let found = worst;
  for (let i = 0; i < got.length; i++) {
    if (got[i] === want[i] || Number.isNaN(got[i]) && Number.isNaN(want[i])) continue;
    const difference = Math.abs(got[i] - want[i]) / (1 + Math.abs(want[i]));
    const error = Number.isNaN(difference) ? Infinity : difference;
    if (error > found.error) found = { error, message: `${name}[${i}] is ${got[i]}, should be ${want[i]}` };
  }
  return found;
}
