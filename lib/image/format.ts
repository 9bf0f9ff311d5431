// This module is browser compatible.
/** What kind of file some bytes are, by their first few. */

/** What is known of a file by its first bytes. */
export interface Format {
  /** Which decoder reads it, if any does. */
  readonly format?: "jpeg" | "png" | "gif";
  /** For messages, as in "a WebP picture". */
  readonly label: string;
  /** Whether it is a picture at all. */
  readonly picture: boolean;
}

/** Bytes at the start of each kind; "." stands for any. Order matters: the first that fits wins. */
const SIGNATURES: readonly (readonly [signature: string, label: string, format?: Format["format"]])[] = [
  ["\xff\xd8\xff", "a JPEG picture", "jpeg"],
  ["\x89PNG\r\n\x1a\n", "a PNG picture", "png"],
  ["GIF87a", "a GIF picture", "gif"],
  ["GIF89a", "a GIF picture", "gif"],
  ["RIFF....WEBP", "a WebP picture"],
  ["II*\0", "a TIFF picture"],
  ["MM\0*", "a TIFF picture"],
  ["II+\0", "a TIFF picture"],
  ["MM\0+", "a TIFF picture"],
  ["BM....\0\0\0\0", "a BMP picture"],
  ["\0\0\x01\0", "an icon (ICO)"],
  ["\0\0\x02\0", "a cursor (CUR)"],
  ["....ftypavi", "an AVIF picture"],
  ["....ftyphe", "a HEIC picture"],
  ["....ftypmif1", "a HEIF picture"],
  ["....ftypmsf1", "a HEIF picture"],
  ["\xff\x0a", "a JPEG XL picture"],
  ["\0\0\0\x0cJXL ", "a JPEG XL picture"],
  ["\0\0\0\x0cjP  ", "a JPEG 2000 picture"],
  ["\xff\x4f\xff\x51", "a JPEG 2000 picture"],
  ["8BPS", "a Photoshop picture"],
  ["qoif", "a QOI picture"],
  ["DDS ", "a DDS picture"],
];

/** Kinds of files that get a picture's name by mistake. */
const OTHER_SIGNATURES: readonly (readonly [signature: string, label: string])[] = [
  ["\x89PNG", "a PNG picture damaged on its way (as when sent in text mode)"],
  ["%PDF", "a PDF document"],
  ["PK\x03\x04", "a zip archive"],
  ["\x1f\x8b", "a gzip archive"],
  ["....ftyp", "a video"],
  ["RIFF....AVI ", "a video"],
  ["\x1aE\xdf\xa3", "a video"],
];

const PNM = /^P[1-7][\s#]/;
const SVG = /^(<\?xml[^>]*>|<!--[\s\S]*?-->|<!DOCTYPE svg[^>]*>|\s)*<svg/i;
const HTML = /^(<!--[\s\S]*?-->|\s)*<(!doctype html|html|head|body|title|script|meta|p|div|h1)\b/i;
const TEXT = /^[\t\n\r\x20-\x7e\x80-\xff]{16,}$/;

/** How much of a file is looked at, in bytes. */
const START_BYTES = 1024;

/** Tells the format from a file's first bytes. Names and extensions do not count. */
export function formatOf(bytes: Uint8Array): Format {
  // one character a byte
  const start = String.fromCharCode(...bytes.subarray(0, START_BYTES));
  for (const [signature, label, format] of SIGNATURES) {
    if (startsWith(start, signature)) return { format, label, picture: true };
  }
  for (const [signature, label] of OTHER_SIGNATURES) {
    if (startsWith(start, signature)) return { label, picture: false };
  }
  const text = start.replace(/^\xef\xbb\xbf/, ""); // a byte order mark
  if (PNM.test(text)) return { label: "a PPM, PGM or PBM picture", picture: true };
  if (SVG.test(text)) return { label: "an SVG drawing", picture: true };
  if (HTML.test(text)) return { label: "an HTML page", picture: false };
  if (TEXT.test(text)) return { label: "a text file", picture: false };
  return { label: "a file of an unknown kind", picture: false };
}

function startsWith(start: string, signature: string): boolean {
  if (start.length < signature.length) return false;
  for (let i = 0; i < signature.length; i++) {
    if (signature[i] !== "." && signature[i] !== start[i]) return false;
  }
  return true;
}
