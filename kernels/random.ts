// This module is browser compatible.
/** Counter-based random numbers, the same on every device; `dropout.wgsl` computes the same hash. */

/**
 * A u32 from any number of u32 counters.
 *
 * The finaliser of MurmurHash3 (Austin Appleby, public domain) applied after each counter.
 */
export function hash32(...counters: number[]): number {
  let hash = 0x9e3779b9;
  for (const counter of counters) {
    hash = (hash ^ counter) >>> 0;
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    hash = (hash ^ (hash >>> 16)) + 0x9e3779b9;
  }
  return hash >>> 0;
}
