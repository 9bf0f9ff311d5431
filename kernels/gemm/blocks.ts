// This module is browser compatible.
import { ceilDiv } from "../kernel.ts";

/** Splits `total` into blocks of at most `most`, all multiples of `unit`, about equal. */
export function evenBlock(total: number, most: number, unit: number): number {
  if (!(most < total)) return Math.max(unit, ceilDiv(total, unit) * unit);
  const whole = Math.max(unit, Math.floor(most / unit) * unit);
  return Math.max(unit, ceilDiv(ceilDiv(total, ceilDiv(total, whole)), unit) * unit);
}
