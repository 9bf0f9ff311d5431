// This module is browser compatible.

/** A share as people read it: 0.125 is "12.5 %". */
export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** The same in whole per cent: 0.126 is "13 %". */
export function wholePercent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
