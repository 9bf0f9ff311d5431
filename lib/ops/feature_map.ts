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
  /** Padding behind the last row or column. Default: `padding`. */
  readonly paddingEnd?: number;
}

/**
 * Positions of a window along one side: `floor((size + padding + paddingEnd - kernel) / stride) + 1`.
 *
 * @param action For the error: "pool x [1, 4, 4, 3]".
 * @throws {RangeError} If a number makes no sense or the window does not fit once.
 */
export function windowPositions(size: number, window: Window, action: string): number {
  const { kernel, stride, padding, paddingEnd = padding } = window;
  const whole = [kernel, stride, padding, paddingEnd].every(Number.isInteger);
  if (!whole || kernel < 1 || stride < 1 || padding < 0 || paddingEnd < 0) {
    const end = paddingEnd === padding ? "" : ` (${paddingEnd} at the end)`;
    throw new RangeError(
      `Cannot ${action} with kernel ${kernel}, stride ${stride} and padding ${padding}${end}: they must be whole ` +
        "numbers, kernel and stride at least 1",
    );
  }
  const positions = Math.floor((size + padding + paddingEnd - kernel) / stride) + 1;
  if (positions < 1) {
    throw new RangeError(
      `Cannot ${action}: its ${size} rows or columns with padding ${padding} are fewer than the kernel's ${kernel}`,
    );
  }
  return positions;
}
