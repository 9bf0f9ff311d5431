// This module runs in Deno only.
/** Writing pictures. Needs --allow-read, for the encoder's own files. */
import type { Pixels } from "../image/pixels.ts";
import { encodeRgbPng } from "./imagescript_codec.ts";
export { encodeJpeg } from "./jpeg_codec.ts";

/** Encodes a PNG, without loss. */
export function encodePng(pixels: Pixels): Promise<Uint8Array> {
  return encodeRgbPng(pixels.data, pixels);
}
