// This module is browser compatible.
/**
 * exp, log, sigmoid and tanh of four floats, by range reduction and polynomials.
 *
 * The polynomials are those of the Cephes library (single precision). exp is within 2e-7 of the true value,
 * relatively; NaN stays NaN, -Infinity gives 0, what is too large gives Infinity.
 */

import type { FunctionBuilder } from "./assembler.ts";
import { F32x4 } from "./values.ts";

/** Adding it leaves the nearest integer in the float's low bits. */
const ROUND = 12582912; // 1.5 * 2^23
const LOG2_E = 1.44269504088896341;
/** ln 2 in a part with few bits, whose products are exact, and the rest. */
const LN_2_HIGH = 0.693359375;
const LN_2_LOW = -2.12194440e-4;

/** `((c0 · x + c1) · x + …)`. */
function polynomial(f: FunctionBuilder, x: F32x4, coefficients: readonly number[]): F32x4 {
  const sum = f.v128(coefficients[0]);
  for (const coefficient of coefficients.slice(1)) f.set(sum, f.madd(sum, x, F32x4.of(coefficient)));
  return sum;
}

/** 2 to the power of the integer that `rounded` (an integer plus {@linkcode ROUND}) has in its low bits. */
function powerOfTwo(rounded: F32x4): F32x4 {
  return rounded.shiftLeft(23).addInteger(F32x4.bits(127 << 23));
}

/** e to the power of x. */
export function exp(f: FunctionBuilder, x: F32x4): F32x4 {
  const limited = f.v128(x.min(89).max(-104)); // beyond, the result is Infinity or 0 anyway
  const n = f.v128(f.madd(limited, F32x4.of(LOG2_E), F32x4.of(ROUND)).sub(ROUND));
  const r = f.v128(f.madd(n, F32x4.of(-LN_2_HIGH), limited));
  f.set(r, f.madd(n, F32x4.of(-LN_2_LOW), r));
  const p = polynomial(f, r, [
    1.9875691500e-4,
    1.3981999507e-3,
    8.3334519073e-3,
    4.1665795894e-2,
    1.6666665459e-1,
    5.0000001201e-1,
  ]);
  const y = f.v128(f.madd(p, r.mul(r), r).add(1));
  // In two factors: 2^128 and 2^-150 are no floats.
  const half = f.v128(f.madd(n, F32x4.of(0.5), F32x4.of(ROUND)));
  const rest = f.v128(n.sub(half.sub(ROUND)).add(ROUND));
  return f.v128(y.mul(powerOfTwo(half)).mul(powerOfTwo(rest)));
}

/** Natural logarithm of a positive, normal x; Infinity and NaN stay. */
export function log(f: FunctionBuilder, x: F32x4): F32x4 {
  // x = m · 2^e with m in [√½, √2)
  const bits = f.v128(x.addInteger(F32x4.bits(0x3f800000 - 0x3f3504f3)));
  const e = f.v128(bits.shiftRight(23).addInteger(F32x4.bits(-127)).fromInteger());
  const m = bits.and(F32x4.bits(0x007fffff)).addInteger(F32x4.bits(0x3f3504f3));
  const r = f.v128(m.sub(1));
  const z = f.v128(r.mul(r));
  const p = polynomial(f, r, [
    7.0376836292e-2,
    -1.1514610310e-1,
    1.1676998740e-1,
    -1.2420140846e-1,
    1.4249322787e-1,
    -1.6668057665e-1,
    2.0000714765e-1,
    -2.4999993993e-1,
    3.3333331174e-1,
  ]);
  const y = f.v128(f.madd(e, F32x4.of(LN_2_LOW), p.mul(r).mul(z)));
  f.set(y, f.madd(z, F32x4.of(-0.5), y));
  return f.v128(f.madd(e, F32x4.of(LN_2_HIGH), r.add(y)).where(x.lt(Infinity), x));
}

/** `1 / (1 + e^-x)`. */
export function sigmoid(f: FunctionBuilder, x: F32x4): F32x4 {
  return f.v128(F32x4.of(1).div(exp(f, f.v128(x.neg())).add(1)));
}

/** Hyperbolic tangent: a polynomial near 0, where `1 - 2 / (e^2x + 1)` would cancel. */
export function tanh(f: FunctionBuilder, x: F32x4): F32x4 {
  const z = f.v128(x.mul(x));
  const p = polynomial(f, z, [
    -5.70498872745e-3,
    2.06390887954e-2,
    -5.37397155531e-2,
    1.33314422036e-1,
    -3.33332819422e-1,
  ]);
  const near = f.v128(f.madd(p.mul(z), x, x));
  const far = F32x4.of(1).sub(F32x4.of(2).div(exp(f, f.v128(x.add(x))).add(1)));
  return f.v128(near.where(x.abs().lt(0.625), far));
}
