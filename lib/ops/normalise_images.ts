// This module is browser compatible.
import { normaliseImagesKernel } from "../../kernels/normalise_images.ts";
import { sizeOf, Tensor } from "../tensor.ts";

/** Constants of {@linkcode normaliseImages}. */
export interface NormaliseOptions {
  /** Shape of the pictures, [B, h, w, 3]. */
  readonly shape: readonly [batch: number, height: number, width: number, channels: 3];
  /** Mean of red, green and blue, of values from 0 to 1. */
  readonly mean: readonly [red: number, green: number, blue: number];
  /** Their standard deviations. */
  readonly std: readonly [red: number, green: number, blue: number];
  /** Storage of the result, and so of the feature maps made from it. Default "f32". */
  readonly type?: "f32" | "f16";
}

/**
 * `(x / 255 - mean) / std` of pictures in bytes.
 *
 * @param pixels Bytes in the order [B, h, w, 3], packed into u32, the first in the lowest bits; a last word may be
 * half empty.
 * @returns [B, h, w, 3].
 * @throws {TypeError} If the pixels are not u32.
 * @throws {RangeError} If there are fewer bytes than the shape needs, or a word too many.
 */
export function normaliseImages(pixels: Tensor, { shape, mean, std, type }: NormaliseOptions): Tensor {
  if (pixels.type !== "u32") {
    throw new TypeError(
      `Cannot normalise ${pixels}: the pixels must be bytes packed into u32, not ${pixels.type}`,
    );
  }
  const count = sizeOf(shape, "images");
  if (pixels.length !== Math.ceil(count / 4)) {
    throw new RangeError(
      `Cannot normalise ${pixels} as [${shape.join(", ")}]: those are ${count} bytes, which fill ` +
        `${Math.ceil(count / 4)} words`,
    );
  }
  const y = new Tensor(pixels.backend, shape, { type, label: "images" });
  pixels.backend.run(normaliseImagesKernel, { pixels: pixels.storage, y: y.storage }, {
    count,
    mean_0: mean[0],
    mean_1: mean[1],
    mean_2: mean[2],
    std_0: std[0],
    std_1: std[1],
    std_2: std[2],
  });
  return y;
}
