// This module is browser compatible.
/**
 * WebAssembly expressions as TypeScript values: `a.add(b)` is the bytes that leave `a + b` on the stack.
 *
 * An expression is emitted again wherever it is used; keep what is dear in a local (`assembler.ts`).
 * Addresses and sizes are `I32` in bytes and compare unsigned, since memory may reach 4 GiB.
 */

import { type Code, float32, signed, unsigned } from "./encoding.ts";

const SIMD = 0xfd;
const ATOMIC = 0xfe;

/** Bytes of one SIMD instruction. */
function simd(opcode: number, ...immediates: Code): Code {
  return [SIMD, unsigned(opcode), immediates];
}

/** A 32-bit integer: an address, a size, a count or a truth value. */
export class I32 {
  constructor(readonly code: Code) {}

  static of(value: I32 | number): I32 {
    return typeof value === "number" ? new I32([0x41, signed(value | 0)]) : value;
  }
  #with(opcode: number, other: I32 | number): I32 {
    return new I32([this.code, I32.of(other).code, opcode]);
  }
  add(other: I32 | number): I32 {
    return other === 0 ? this : this.#with(0x6a, other);
  }
  sub(other: I32 | number): I32 {
    return this.#with(0x6b, other);
  }
  mul(other: I32 | number): I32 {
    return this.#with(0x6c, other);
  }
  /** Unsigned quotient. */
  div(other: I32 | number): I32 {
    return this.#with(0x6e, other);
  }
  /** Unsigned remainder. */
  rem(other: I32 | number): I32 {
    return this.#with(0x70, other);
  }
  and(other: I32 | number): I32 {
    return this.#with(0x71, other);
  }
  or(other: I32 | number): I32 {
    return this.#with(0x72, other);
  }
  shl(other: I32 | number): I32 {
    return this.#with(0x74, other);
  }
  eq(other: I32 | number): I32 {
    return this.#with(0x46, other);
  }
  ne(other: I32 | number): I32 {
    return this.#with(0x47, other);
  }
  /** Unsigned `<`. */
  lt(other: I32 | number): I32 {
    return this.#with(0x49, other);
  }
  /** Unsigned `>=`. */
  ge(other: I32 | number): I32 {
    return this.#with(0x4f, other);
  }
  /** Signed `<`, for coordinates that may lie in the padding. */
  ltSigned(other: I32 | number): I32 {
    return this.#with(0x48, other);
  }
  not(): I32 {
    return new I32([this.code, 0x45]);
  }
  /** The smaller of two, unsigned. Emits both twice: pass locals or constants. */
  min(other: I32 | number): I32 {
    const right = I32.of(other);
    return new I32([this.code, right.code, this.lt(right).code, 0x1b]);
  }
  /** `this` where `condition` is not 0, else `other`. Both are computed. */
  where(condition: I32, other: I32 | number): I32 {
    return new I32([this.code, I32.of(other).code, condition.code, 0x1b]);
  }
  toF32(): F32 {
    return new F32([this.code, 0xb3]);
  }
  /** The integer in all four lanes. */
  splat(): F32x4 {
    return new F32x4([this.code, simd(17)]);
  }

  /** The i32 at this address. */
  load(offset = 0): I32 {
    return new I32([this.code, 0x28, 2, unsigned(offset)]);
  }
  /** The f32 at this address. */
  loadF32(offset = 0): F32 {
    return new F32([this.code, 0x2a, 2, unsigned(offset)]);
  }
  /** Four floats from this address (which need not be aligned). */
  loadVector(offset = 0): F32x4 {
    return new F32x4([this.code, simd(0, 2, unsigned(offset))]);
  }
  /** One float in all four lanes. */
  loadSplat(offset = 0): F32x4 {
    return new F32x4([this.code, simd(9, 2, unsigned(offset))]);
  }
  /** One float in lane 0, the others 0. */
  loadOne(offset = 0): F32x4 {
    return new F32x4([this.code, simd(92, 2, unsigned(offset))]);
  }
  /** `vector` with one lane read from this address. */
  loadLane(vector: F32x4, lane: number, offset = 0): F32x4 {
    return new F32x4([this.code, vector.code, simd(86, 2, unsigned(offset), lane)]);
  }
  atomicLoad(offset = 0): I32 {
    return new I32([this.code, ATOMIC, 0x10, 2, unsigned(offset)]);
  }
  /** Adds `value` to the word at this address; the result is what was there before. */
  atomicAdd(value: I32 | number, offset = 0): I32 {
    return new I32([this.code, I32.of(value).code, ATOMIC, 0x1e, 2, unsigned(offset)]);
  }
  /** Writes `value` where the word is `expected`; the result is what was there before. */
  atomicCompareExchange(expected: I32, value: I32, offset = 0): I32 {
    return new I32([this.code, expected.code, value.code, ATOMIC, 0x48, 2, unsigned(offset)]);
  }
  /** Sleeps while the word is `expected`: 0 woken, 1 it was not, 2 after `nanoseconds` (negative: no limit). */
  atomicWait(expected: I32, nanoseconds: number, offset = 0): I32 {
    const limit = [0x42, ...signed(nanoseconds)];
    return new I32([this.code, expected.code, limit, ATOMIC, 0x01, 2, unsigned(offset)]);
  }
  /** Wakes up to `count` sleepers of the word; the result is how many. */
  atomicNotify(count: number, offset = 0): I32 {
    return new I32([this.code, I32.of(count).code, ATOMIC, 0x00, 2, unsigned(offset)]);
  }
}

/** One 32-bit float. */
export class F32 {
  constructor(readonly code: Code) {}

  static of(value: F32 | number): F32 {
    return typeof value === "number" ? new F32([0x43, float32(value)]) : value;
  }
  #with(opcode: number, other: F32 | number): F32 {
    return new F32([this.code, F32.of(other).code, opcode]);
  }
  add(other: F32 | number): F32 {
    return this.#with(0x92, other);
  }
  sub(other: F32 | number): F32 {
    return this.#with(0x93, other);
  }
  mul(other: F32 | number): F32 {
    return this.#with(0x94, other);
  }
  div(other: F32 | number): F32 {
    return this.#with(0x95, other);
  }
  sqrt(): F32 {
    return new F32([this.code, 0x91]);
  }
  lt(other: F32 | number): I32 {
    return new I32([this.code, F32.of(other).code, 0x5d]);
  }
  /** `this` where `condition` is not 0, else `other`. Both are computed. */
  where(condition: I32, other: F32 | number): F32 {
    return new F32([this.code, F32.of(other).code, condition.code, 0x1b]);
  }
  splat(): F32x4 {
    return new F32x4([this.code, simd(19)]);
  }
}

/** Four 32-bit floats; comparisons give four masks of all ones or zeros. */
export class F32x4 {
  constructor(readonly code: Code) {}

  static of(value: F32x4 | number): F32x4 {
    if (typeof value !== "number") return value;
    const lane = float32(value);
    return new F32x4(simd(12, ...lane, ...lane, ...lane, ...lane));
  }
  /** The same 32 bits in every lane. */
  static bits(value: number): F32x4 {
    const lane = [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24];
    return new F32x4(simd(12, ...lane, ...lane, ...lane, ...lane));
  }
  #with(opcode: number, other: F32x4 | number): F32x4 {
    return new F32x4([this.code, F32x4.of(other).code, simd(opcode)]);
  }
  #then(opcode: number): F32x4 {
    return new F32x4([this.code, simd(opcode)]);
  }
  add(other: F32x4 | number): F32x4 {
    return this.#with(228, other);
  }
  sub(other: F32x4 | number): F32x4 {
    return this.#with(229, other);
  }
  mul(other: F32x4 | number): F32x4 {
    return this.#with(230, other);
  }
  div(other: F32x4 | number): F32x4 {
    return this.#with(231, other);
  }
  /** The smaller; NaN where this is NaN. */
  min(other: F32x4 | number): F32x4 {
    return this.#with(234, other);
  }
  /** The larger; NaN where this is NaN. */
  max(other: F32x4 | number): F32x4 {
    return this.#with(235, other);
  }
  sqrt(): F32x4 {
    return this.#then(227);
  }
  abs(): F32x4 {
    return this.#then(224);
  }
  neg(): F32x4 {
    return this.#then(225);
  }
  eq(other: F32x4 | number): F32x4 {
    return this.#with(65, other);
  }
  ne(other: F32x4 | number): F32x4 {
    return this.#with(66, other);
  }
  lt(other: F32x4 | number): F32x4 {
    return this.#with(67, other);
  }
  gt(other: F32x4 | number): F32x4 {
    return this.#with(68, other);
  }
  le(other: F32x4 | number): F32x4 {
    return this.#with(69, other);
  }
  ge(other: F32x4 | number): F32x4 {
    return this.#with(70, other);
  }
  and(other: F32x4): F32x4 {
    return this.#with(78, other);
  }
  or(other: F32x4): F32x4 {
    return this.#with(80, other);
  }
  /** `this` where the mask is set, else `other`. */
  where(mask: F32x4, other: F32x4 | number): F32x4 {
    return new F32x4([this.code, F32x4.of(other).code, mask.code, simd(82)]);
  }
  /** Lanes compared as integers. */
  equalInteger(other: F32x4): F32x4 {
    return this.#with(55, other);
  }
  /** Lanes added as integers. */
  addInteger(other: F32x4): F32x4 {
    return this.#with(174, other);
  }
  /** Lanes shifted left as integers. */
  shiftLeft(bits: number): F32x4 {
    return new F32x4([this.code, I32.of(bits).code, simd(171)]);
  }
  /** Lanes shifted right as unsigned integers. */
  shiftRight(bits: number): F32x4 {
    return new F32x4([this.code, I32.of(bits).code, simd(173)]);
  }
  /** Lanes that hold integers, as floats. */
  fromInteger(): F32x4 {
    return this.#then(250);
  }
  /** Whether any bit is set. */
  any(): I32 {
    return new I32([this.code, simd(83)]);
  }
  lane(index: number): F32 {
    return new F32([this.code, simd(31, index)]);
  }
  /** Lanes picked from this (0 to 3) and `other` (4 to 7). */
  shuffle(other: F32x4, lanes: readonly [number, number, number, number]): F32x4 {
    const bytes = lanes.flatMap((lane) => [lane * 4, lane * 4 + 1, lane * 4 + 2, lane * 4 + 3]);
    return new F32x4([this.code, other.code, simd(13, bytes)]);
  }
  /** `this · factor + addend`, one rounding where the machine fuses them. For relaxed modules only. */
  relaxedMadd(factor: F32x4, addend: F32x4): F32x4 {
    return new F32x4([this.code, factor.code, addend.code, simd(0x105)]);
  }
}
