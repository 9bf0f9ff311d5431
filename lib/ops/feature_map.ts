// This module is browser compatible.
/** Shape checks that ops on feature maps [B, h, w, C] share. */

import type { Tensor } from "../tensor.ts";

/** Sizes of a feature map. */
export interface FeatureMap {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/**
 * The sizes of a feature map [B, h, w, C].
 *
 * @param action For the error: "pool", "convolve".
 * @throws {RangeError} If x has not four axes.
 */
export function featureMap(x: Tensor, action: string): FeatureMap {
  if (x.shape.length !== 4) {
    throw new RangeError(
      `Cannot ${action} ${x}: it must be a feature map [batch, height, width, channels]`,
    );
  }
  const [batch, height, width, channels] = x.shape;
  return { batch, height, width, channels };
}

/** A window that slides over a map. */
export interface Window {
  /** Rows or columns of the window. */
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
}

/**
 * Positions of a window along one side: `floor((size + 2 padding - kernel) / stride) + 1`.
 *
 * @param action For the error: "pool x [1, 4, 4, 3]".
 * @throws {RangeError} If a number makes no sense or the window does not fit once.
 */
export function windowPositions(size: number, { kernel, stride, padding }: Window, action: string): number {
  if (![kernel, stride, padding].every(Number.isInteger) || kernel < 1 || stride < 1 || padding < 0) {
    throw new RangeError(
      `Cannot ${action} with kernel ${kernel}, stride ${stride} and padding ${padding}: they must be whole ` +
        "numbers, kernel and stride at least 1",
    );
  }
  const positions = Math.floor((size + 2 * padding - kernel) / stride) + 1;
  if (positions < 1) {
    throw new RangeError(
      `Cannot ${action}: its ${size} rows or columns with padding ${padding} are fewer than the kernel's ${kernel}`,
    );
  }
  return positions;
}
