// This module is browser compatible.
/** How JavaScript hands a job its arguments: named 32-bit slots in memory, read by name on the other side. */

import { type FunctionBuilder, integers, type Type, type ValueOf } from "./assembler.ts";
import type { I32 } from "./values.ts";

/** Names of 32-bit slots, in order. */
export type Slots<Name extends string> = readonly Name[];

/** Every job is called with its arguments' address, the thread's own scratch memory, and a range of tasks. */
export const JOB = integers("args", "scratch", "first", "last");

/** Copies integer slots into locals of the same names. */
export function readSlots<const Name extends string>(
  f: FunctionBuilder,
  args: I32,
  slots: Slots<Name>,
): Record<Name, I32> {
  const entries = slots.map((name, index) => [name, f.i32(args.load(4 * index))]);
  return Object.fromEntries(entries); // One entry for each name.
}

/** Types of named 32-bit slots, in order. */
export type TypedSlots = Readonly<Record<string, Exclude<Type, "v128">>>;

/** Copies slots into locals of the same names and their types; the first slot is number `from`. */
export function readTypedSlots<S extends TypedSlots>(
  f: FunctionBuilder,
  args: I32,
  slots: S,
  from: number,
): { readonly [Name in keyof S]: ValueOf<S[Name]> } {
  const entries = Object.entries(slots).map(([name, type], index) => {
    const offset = 4 * (from + index);
    return [name, type === "f32" ? f.f32(args.loadF32(offset)) : f.i32(args.load(offset))];
  });
  return Object.fromEntries(entries); // One entry for each name, of its type.
}
