// This module is browser compatible.
import { centreBox, shortSideSize } from "./crop.ts";
import type { Pixels } from "./pixels.ts";
import { resizeBilinear } from "./resize.ts";

/** Three numbers, for red, green and blue. */
export type Channels = readonly [number, number, number];

/** How a picture becomes a model's input. Part of every model file. */
export interface Preprocessing {
  /** Width and height of the model's input, in pixels. */
  readonly size: number;
  /** "squash": the whole picture, its proportions given up; "crop": its centre, proportions kept. */
  readonly resize: "squash" | "crop";
  /** For "crop": length of the shorter side before cropping, in pixels. Default: `size`. */
  readonly shortSide?: number;
  /** Mean of each channel on the scale 0 to 1, subtracted on the device. */
  readonly mean: Channels;
  /** Standard deviation of each channel on the scale 0 to 1, divided by on the device. */
  readonly std: Channels;
  /** Which way is up: as the picture's EXIF data say, always. */
  readonly orientation: "exif";
}

/** ImageNet's mean and deviation, the whole picture at 64 × 64. */
export const DEFAULT_PREPROCESSING: Preprocessing = {
  size: 64,
  resize: "squash",
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
  orientation: "exif",
};

/** What a preprocessing does to pixels before the device has them: where it is equal, so are they. */
export type Geometry = Required<Omit<Preprocessing, "mean" | "std">>;

/** The part of a preprocessing that shapes the pixels. */
export function geometryOf({ size, resize, shortSide = size, orientation }: Preprocessing): Geometry {
  return { size, resize, shortSide: resize === "crop" ? shortSide : size, orientation };
}

/**
 * Brings a picture to the model's size. Training, evaluation, captioning and the browser all call this.
 *
 * Dividing by 255, `mean` and `std` is left to the device.
 *
 * @param pixels Upright picture of any size.
 * @returns Bytes [size, size, 3].
 * @throws {RangeError} If `shortSide` is smaller than `size`.
 */
export function preprocess(pixels: Pixels, preprocessing: Preprocessing): Uint8Array {
  const { size, resize, shortSide = size } = preprocessing;
  const square = { width: size, height: size };
  if (resize === "squash") return resizeBilinear(pixels, square).data;
  const whole = shortSideSize(pixels, shortSide);
  return resizeBilinear(pixels, whole, centreBox(whole, square)).data;
}
