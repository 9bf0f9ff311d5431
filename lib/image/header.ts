// This module is browser compatible.
/** What a picture is, from its header alone: nothing is decoded, so a hostile file costs nothing. */
import { formatOf } from "./format.ts";
import { readGifHeader } from "./gif_header.ts";
import { readJpegHeader } from "./jpeg_header.ts";
import type { Orientation } from "./orient.ts";
import { PictureError } from "./picture_error.ts";
import { readPngHeader } from "./png_header.ts";

/** Pictures with more pixels are refused, unless told otherwise: decoding this many takes 1 to 2 GB. */
const MAX_PIXELS = 100_000_000;

/** A picture that can be decoded, by its header. */
export interface PictureHeader {
  readonly format: "jpeg" | "png" | "gif";
  /** Pixels in a row, before the picture is turned upright. */
  readonly width: number;
  /** Rows, before the picture is turned upright. */
  readonly height: number;
  /** How it must be turned. */
  readonly orientation: Orientation;
  /** Colour components of a JPEG: 1 is gray, 3 colour, 4 CMYK. */
  readonly components?: number;
  /** Whether the file has an end. */
  readonly complete: boolean;
}

/** Options of {@linkcode sniff}. */
export interface SniffOptions {
  /** Name in error messages. Default "the picture". */
  readonly name?: string;
  /** Largest width · height. Default {@linkcode MAX_PIXELS}. */
  readonly maxPixels?: number;
}

/**
 * Reads a picture's header and refuses what cannot or should not be decoded.
 *
 * @param bytes The whole file.
 * @throws {PictureError} If it is empty, no picture, of an unsupported kind, cut off before its size, or too large.
 */
export function sniff(bytes: Uint8Array, options: SniffOptions = {}): PictureHeader {
  const { name = "the picture", maxPixels = MAX_PIXELS } = options;
  const refuse = (problem: PictureError["problem"], reason: string) =>
    new PictureError(`decode ${name}`, problem, reason);
  if (bytes.length === 0) throw refuse("empty", "it is empty, save or download it again");
  const { format, label, picture } = formatOf(bytes);
  if (!format) {
    if (bytes.length < 12) {
      throw refuse("truncated", `it has only ${bytes.length} bytes, save or download it again`);
    }
    if (!picture) throw refuse("not a picture", `it is ${label}, it must be a JPEG, PNG or GIF picture`);
    throw refuse("unsupported", `it is ${label}, which is not supported, convert it to JPEG or PNG`);
  }
  const header = { jpeg: readJpeg, png: readPngHeader, gif: readGifHeader }[format](bytes);
  if (!header) throw refuse("truncated", `it is ${label} that ends or breaks within its header`);
  const { width, height } = header;
  if (!(width > 0 && height > 0)) throw refuse("corrupt", `it is ${label} of ${width} × ${height} pixels`);
  if (width * height > maxPixels) {
    const millions = (pixels: number) => `${Math.round(pixels / 1e4) / 100} million`;
    throw refuse(
      "too large",
      `it has ${width} × ${height} = ${millions(width * height)} pixels, at most ${
        millions(maxPixels)
      } are allowed, ` +
        "make it smaller or raise the limit with --max-megapixels",
    );
  }
  return { format, ...header };

  function readJpeg(bytes: Uint8Array) {
    const header = readJpegHeader(bytes);
    if (header && header.precision !== 8) {
      const reason = `it is a JPEG with ${header.precision} bits a colour, only 8 are supported, convert it`;
      throw refuse("unsupported", reason);
    }
    return header;
  }
}
