// This module runs in Deno only.
/**
 * Decoding pictures of all supported kinds into upright RGB.
 *
 * Needs --allow-read for the decoders' own files; PNG, GIF and CMYK JPEGs need --allow-env=IMAGESCRIPT_WASM_SIMD too.
 */
import { dropAlpha, flattenOnWhite } from "../image/alpha.ts";
import { type PictureHeader, sniff, type SniffOptions } from "../image/header.ts";
import { orient } from "../image/orient.ts";
import { PictureError } from "../image/picture_error.ts";
import type { Pixels } from "../image/pixels.ts";
import { decodeAnyJpeg, decodeGif, decodePng } from "./imagescript_codec.ts";
import { decodeJpeg } from "./jpeg_codec.ts";

/** Options of {@linkcode decodeImage}. */
export type DecodeOptions = SniffOptions;

/** Complaints of the JPEG decoder after which pixels are missing or wrong; others concern what it skipped over. */
const DAMAGE = /premature end|bad Huffman code|instead of RST|bad progression|bogus/i;
const CMYK = 4;

/**
 * Decodes a JPEG, a PNG (its still picture) or a GIF (its first frame) and turns it upright. Transparent parts become
 * white, 16 bits become 8.
 *
 * @throws {PictureError} If it is not a whole picture of these kinds, or larger than `maxPixels` by its header.
 */
export async function decodeImage(bytes: Uint8Array, options: DecodeOptions = {}): Promise<Pixels> {
  const header = sniff(bytes, options);
  let stored: Pixels;
  try {
    stored = await decodeStored(bytes, header);
  } catch (error) {
    // the task's flags or the decoders' own files are wrong, not the picture
    if (error instanceof Deno.errors.NotCapable || error instanceof Deno.errors.NotFound) throw error;
    if ((error as { code?: unknown } | null)?.code === "ERR_MODULE_NOT_FOUND") throw error;
    const subject = `decode ${options.name ?? "the picture"}`;
    if (!header.complete) {
      throw new PictureError(subject, "truncated", "it is truncated, save or download it again");
    }
    const detail = error instanceof Error ? error.message : String(error);
    throw new PictureError(
      subject,
      "corrupt",
      `it is damaged or of a rare kind (${detail}), save it as JPEG or PNG`,
    );
  }
  return orient(stored, header.orientation);
}

/**
 * Reads and decodes a file.
 *
 * @throws {PictureError} If it cannot be read or is not a whole picture.
 */
export async function decodeFile(path: string, options: DecodeOptions = {}): Promise<Pixels> {
  let bytes: Uint8Array;
  try {
    bytes = await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw new PictureError(`read ${path}`, "unreadable", whyUnreadable(error));
  }
  return decodeImage(bytes, { name: path, ...options });
}

/** Decodes without turning upright. */
async function decodeStored(
  bytes: Uint8Array,
  { format, components, complete }: PictureHeader,
): Promise<Pixels> {
  if (format !== "jpeg") {
    const { width, height, rgba } = await (format === "png" ? decodePng : decodeGif)(bytes);
    return flattenOnWhite(rgba, { width, height });
  }
  if (!complete) throw new Error("its end is missing"); // decoders would fill the rest with gray and say nothing
  if (components === CMYK) {
    const { width, height, rgba } = await decodeAnyJpeg(bytes);
    return flattenOnWhite(rgba, { width, height });
  }
  const { width, height, rgba, warning } = await decodeJpeg(bytes);
  if (warning && DAMAGE.test(warning)) throw new Error(warning);
  return dropAlpha(rgba, { width, height });
}

function whyUnreadable(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "there is no such file";
  if (error instanceof Deno.errors.IsADirectory) return "it is a folder, name the pictures in it";
  return error instanceof Error ? error.message : String(error);
}
