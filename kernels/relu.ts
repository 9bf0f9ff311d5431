// This module is browser compatible.
/** The ReLUs that a kernel applies to its result before it writes it: what its parameter `relu` stands for. */

/** Values of the parameter `relu`; the WGSL has the same numbers. ReLU6 is `min(max(x, 0), 6)`. */
export const RELUS = { none: 0, relu: 1, relu6: 2 } as const;

/** A ReLU by name, or none. */
export type Relu = keyof typeof RELUS;

/** A result as a kernel writes it, by the number of its ReLU. NaN stays NaN. */
export function rectified(value: number, relu: number): number {
  if (relu === RELUS.none) return value;
  if (value < 0) return 0;
  return relu === RELUS.relu6 && value > 6 ? 6 : value;
}

/** Whether y, which a kernel wrote, is where its ReLU is flat, so that no gradient passes: the corners are. */
export function isFlat(y: number, relu: number): boolean {
  return relu !== RELUS.none && (y <= 0 || (relu === RELUS.relu6 && y >= 6));
}
