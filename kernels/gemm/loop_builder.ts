// This module is browser compatible.
/** How a loop over many items is written once, for four lanes, and becomes a job that threads share. */

import { JOB, readTypedSlots, type TypedSlots } from "./arguments.ts";
import type { FunctionBuilder, ModuleBuilder, ValueOf } from "./assembler.ts";
import { AREA_A } from "./scratch.ts";
import { F32x4, I32 } from "./values.ts";

/** What the engine must know to hand a loop its arguments and to split it. */
export interface LoopShape {
  /** Its arguments in order: "i32" for addresses, counts and truth values, "f32" for numbers. */
  readonly slots: TypedSlots;
  /** Rough nanoseconds for one element. */
  readonly cost: number;
  /** Arguments whose product is an item's number of elements. None: an item is an element. */
  readonly elements?: readonly string[];
  /** Each chunk of `grain` items gives results of its own, so chunks are the same for any number of threads. */
  readonly reduces?: boolean;
}

/** The part of the items that a call works on. */
export interface LoopRange {
  /** First item, and how many there are. For a loop that reduces, those of one chunk. */
  readonly first: I32;
  readonly count: I32;
  /** The chunk's number, for a loop that reduces. */
  readonly chunk: I32;
  /** Memory of the thread's own, 4 MiB. */
  readonly scratch: I32;
}

/** Arguments that the engine puts before the loop's own. */
const RANGE = { items: "i32", chunkItems: "i32" } as const;

/** Defines loops and remembers their shapes. */
export class LoopSet {
  readonly shapes = new Map<string, LoopShape>();

  constructor(readonly module: ModuleBuilder) {}

  /** Defines the loop `name`; `build` writes what happens to a range of its items. */
  define<const S extends TypedSlots>(
    name: string,
    shape: LoopShape & { readonly slots: S },
    build: (f: FunctionBuilder, args: { readonly [N in keyof S]: ValueOf<S[N]> }, range: LoopRange) => void,
  ): void {
    this.shapes.set(name, shape);
    const job = this.module.define(JOB, (f, { args, scratch, first, last }) => {
      const { items, chunkItems } = readTypedSlots(f, args, RANGE, 0);
      const area = f.i32(scratch.add(AREA_A));
      const range = (from: I32, to: I32) => {
        const end = f.i32(to.mul(chunkItems));
        f.set(end, end.min(items));
        const start = f.i32(from.mul(chunkItems));
        // Locals of the arguments are read anew for each chunk: the body may move its pointers.
        const values = readTypedSlots(f, args, shape.slots, 2);
        build(f, values, { first: start, count: f.i32(end.sub(start)), chunk: from, scratch: area });
      };
      if (shape.reduces) f.for(first, last, 1, (chunk) => range(chunk, chunk.add(1)));
      else range(first, last);
    });
    this.module.job(`loop ${name}`, job);
  }
}

/** Reads and writes of one step: four lanes, or lane 0 alone at a row's end. */
export interface Lanes {
  load(address: I32, offset?: number): F32x4;
  store(address: I32, value: F32x4, offset?: number): void;
  /** All lanes that are in use set, the others not. */
  readonly used: F32x4;
}

/** Four lanes at a time. */
export function wholeLanes(f: FunctionBuilder): Lanes {
  return {
    load: (address, offset) => f.v128(address.loadVector(offset)),
    store: (address, value, offset) => f.store(address, value, offset),
    used: F32x4.bits(-1),
  };
}

/**
 * Walks `count` elements, four at a time and the last ones singly, by the same `body`: results do not depend on where
 * a row is cut. `pointers` advance with it; `count` is used up.
 */
export function eachElement(
  f: FunctionBuilder,
  count: I32,
  pointers: readonly I32[],
  body: (lanes: Lanes) => void,
): void {
  const advance = (elements: number) => {
    for (const pointer of pointers) f.step(pointer, 4 * elements);
    f.step(count, -elements);
  };
  f.while(count.ge(4), () => {
    body(wholeLanes(f));
    advance(4);
  });
  f.while(count, () => {
    body({
      load: (address, offset) => f.v128(address.loadOne(offset)),
      store: (address, value, offset) => f.storeLane(address, value, 0, offset),
      used: FIRST_LANE,
    });
    advance(1);
  });
}

/** Moves pointers to item `first`, runs `body` for each item, and moves them on by their `bytes` after it. */
export function eachRow(
  f: FunctionBuilder,
  range: LoopRange,
  pointers: readonly { readonly at: I32; readonly bytes: I32 | number }[],
  body: () => void,
): void {
  for (const { at, bytes } of pointers) f.step(at, range.first.mul(bytes));
  f.while(range.count, () => {
    body();
    for (const { at, bytes } of pointers) f.step(at, bytes);
    f.step(range.count, -1);
  });
}

const FIRST_LANE = F32x4.of(0).eq(0).shuffle(F32x4.of(0), [0, 4, 4, 4]);

/** The sum of the four lanes, in a fixed order. */
export function sumOfLanes(f: FunctionBuilder, value: F32x4) {
  const pairs = f.v128(value.add(value.shuffle(value, [2, 3, 0, 1])));
  return pairs.lane(0).add(pairs.lane(1));
}
