// This module is browser compatible.
/** Walks through a PNG's chunks without decoding anything (W3C PNG, third edition, section 5). */
import { exifOrientation, xmpOrientation } from "./exif.ts";
import type { Orientation } from "./orient.ts";

/** What a PNG says about itself. */
export interface PngHeader {
  readonly width: number;
  readonly height: number;
  readonly orientation: Orientation;
  /** Whether the last chunk is there. Where it is missing, the file was cut off. */
  readonly complete: boolean;
}

const SIGNATURE_BYTES = 8;
const XMP = "XML:com.adobe.xmp";

/**
 * Reads a PNG's header.
 *
 * @returns Undefined if the file does not begin with its size.
 */
export function readPngHeader(bytes: Uint8Array): PngHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let size: { width: number; height: number } | undefined;
  let exif: Orientation | undefined;
  let xmp: Orientation | undefined;
  let complete = false;
  let at = SIGNATURE_BYTES;
  while (at + 8 <= bytes.length && !complete) {
    const length = view.getUint32(at);
    const type = latin1(bytes.subarray(at + 4, at + 8));
    const data = bytes.subarray(at + 8, at + 8 + length);
    at += 12 + length; // length, type, data, checksum
    if (!size) {
      if (type !== "IHDR" || data.length !== 13) return undefined;
      size = { width: view.getUint32(SIGNATURE_BYTES + 8), height: view.getUint32(SIGNATURE_BYTES + 12) };
    } else if (type === "eXIf") exif ??= exifOrientation(data);
    else if (type === "iTXt" && latin1(data.subarray(0, XMP.length)) === XMP) xmp ??= xmpOrientation(data);
    complete = type === "IEND";
  }
  return size && { ...size, orientation: exif ?? xmp ?? 1, complete };
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
