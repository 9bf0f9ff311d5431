// This module is browser compatible.
/** PyTorch's order of axes against ours: images NCHW to NHWC, convolution weights OIHW to HWIO. */

/** Order of a golden's axes. */
export type Layout = "same" | "image" | "weight";

/** Shape on the device. */
export function deviceShape(shape: readonly number[], layout: Layout): number[] {
  const [a, b, c, d] = shape;
  if (layout === "image") return [a, c, d, b];
  return layout === "weight" ? [c, d, b, a] : [...shape];
}

/** A golden's numbers in the device's order. */
export function toDevice(data: ArrayLike<number>, shape: readonly number[], layout: Layout): Float64Array {
  const result = Float64Array.from(data);
  if (layout === "same") return result;
  visit(shape, layout, (from, to) => result[to] = data[from]);
  return result;
}

/** The device's numbers in a golden's order; `shape` is the golden's. */
export function fromDevice(data: ArrayLike<number>, shape: readonly number[], layout: Layout): Float64Array {
  const result = Float64Array.from(data);
  if (layout === "same") return result;
  visit(shape, layout, (to, from) => result[to] = data[from]);
  return result;
}

/** Calls `move` with the index of each element in the golden and on the device. */
function visit(
  shape: readonly number[],
  layout: Layout,
  move: (golden: number, device: number) => void,
): void {
  const [A, B, C, D] = shape;
  for (let a = 0, golden = 0; a < A; a++) {
    for (let b = 0; b < B; b++) {
      for (let c = 0; c < C; c++) {
        for (let d = 0; d < D; d++, golden++) {
          move(golden, layout === "image" ? ((a * C + c) * D + d) * B + b : ((c * D + d) * B + b) * A + a);
        }
      }
    }
  }
}
