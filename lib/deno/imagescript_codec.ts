// This module runs in Deno only.
/**
 * imagescript's decoders: PNG, GIF, and the JPEGs that the fast path cannot read.
 *
 * They are taken one by one instead of through the package's entry, which loads a native library for its encoders
 * and so would ask every task for --allow-ffi. These need --allow-read and --allow-env=IMAGESCRIPT_WASM_SIMD.
 */
import type { Size } from "../image/pixels.ts";

/** A decoded picture, [height, width, 4]. */
export interface Rgba extends Size {
  readonly rgba: Uint8Array;
}

// The package types its entry only; these are the parts of its inner modules that are used here.
interface PngCodec {
  init(): Promise<{ decode(bytes: Uint8Array): Size & { framebuffer: Uint8Array } }>;
}
interface JpegCodec {
  init(): Promise<{ decode(bytes: Uint8Array): Size & { format: number; buffer: Uint8Array } }>;
}
interface GifFrame extends Size {
  readonly x: number;
  readonly y: number;
  readonly buffer: Uint8Array;
}
interface GifCodec {
  init(): Promise<{ Decoder: new (bytes: Uint8Array) => Size & { frame(): GifFrame | null } }>;
}
interface PngWriter {
  encode(data: Uint8Array, options: Size & { channels: number; level: number }): Uint8Array;
}

const GRAY = 0;
const COLOUR = 1;
const CMYK = 2;

/** Decodes a PNG of any kind; 16 bits become 8, palettes and gray become colour. */
export async function decodePng(bytes: Uint8Array): Promise<Rgba> {
  const codec: PngCodec = (await import("imagescript/wasm/node/png.js")).default;
  const { width, height, framebuffer } = (await codec.init()).decode(bytes);
  return { width, height, rgba: framebuffer };
}

/** Decodes the first frame of a GIF onto its transparent screen. */
export async function decodeGif(bytes: Uint8Array): Promise<Rgba> {
  const codec: GifCodec = (await import("imagescript/wasm/node/gif.js")).default;
  const { Decoder } = await codec.init();
  const decoder = new Decoder(bytes);
  const frame = decoder.frame();
  if (!frame) throw new Error("it holds no frame");
  const { width, height } = decoder;
  const rgba = new Uint8Array(4 * width * height);
  const wide = Math.min(frame.width, width - frame.x); // a frame may stick out of the screen
  const rows = Math.min(frame.height, height - frame.y);
  for (let y = 0; wide > 0 && y < rows; y++) {
    const from = 4 * y * frame.width;
    rgba.set(frame.buffer.subarray(from, from + 4 * wide), 4 * ((frame.y + y) * width + frame.x));
  }
  return { width, height, rgba };
}

/** Decodes a JPEG of any kind, slowly. CMYK is taken as Adobe stores it, with ink counted backwards. */
export async function decodeAnyJpeg(bytes: Uint8Array): Promise<Rgba> {
  const codec: JpegCodec = (await import("imagescript/wasm/node/jpeg.js")).default;
  const { width, height, format, buffer } = (await codec.init()).decode(bytes);
  const rgba = new Uint8Array(4 * width * height).fill(255);
  const step = { [GRAY]: 1, [COLOUR]: 3, [CMYK]: 4 }[format] ?? 0;
  if (buffer.length !== step * width * height) throw new Error(`the decoder returned ${buffer.length} bytes`);
  for (let from = 0, to = 0; to < rgba.length; from += step, to += 4) {
    for (let c = 0; c < 3; c++) {
      if (format === CMYK) rgba[to + c] = (255 - buffer[from + c]) * (255 - buffer[from + 3]) / 255 + 0.5;
      else rgba[to + c] = buffer[from + (format === GRAY ? 0 : c)];
    }
  }
  return { width, height, rgba };
}

/** Encodes a PNG from [height, width, 3]. */
export async function encodeRgbPng(data: Uint8Array, { width, height }: Size): Promise<Uint8Array> {
  const writer: PngWriter = (await import("imagescript/png/node.js")).default;
  return writer.encode(data, { width, height, channels: 3, level: 6 });
}
