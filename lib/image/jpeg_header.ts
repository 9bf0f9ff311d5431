// This module is browser compatible.
/** Walks through a JPEG's markers without decoding anything (ITU T.81, annex B). */
import { exifOrientation, xmpOrientation } from "./exif.ts";
import type { Orientation } from "./orient.ts";

/** What a JPEG says about itself. */
export interface JpegHeader {
  readonly width: number;
  readonly height: number;
  /** 1 is gray, 3 colour, 4 CMYK. */
  readonly components: number;
  /** Bits of a component, 8 in all but rare files. */
  readonly precision: number;
  readonly orientation: Orientation;
  /** Whether the end marker is there. Where it is missing, the file was cut off. */
  readonly complete: boolean;
}

const START = 0xd8;
const END = 0xd9;
const APP1 = 0xe1;
const EXIF = "Exif\0\0";
const XMP = "http://ns.adobe.com/xap/1.0/\0";

/**
 * Reads a JPEG's header.
 *
 * @param bytes The whole file. What follows its end marker does not matter.
 * @returns Undefined if the file ends or breaks before it says how large the picture is.
 */
export function readJpegHeader(bytes: Uint8Array): JpegHeader | undefined {
  let frame: Pick<JpegHeader, "width" | "height" | "components" | "precision"> | undefined;
  let exif: Orientation | undefined;
  let xmp: Orientation | undefined;
  let complete = false;
  for (const [marker, segment] of markers(bytes)) {
    if (marker === END) {
      complete = true;
      break;
    }
    if (!frame && isFrame(marker) && segment.length >= 6) {
      const [precision, high, low, wide, narrow, components] = segment;
      frame = { precision, height: high << 8 | low, width: wide << 8 | narrow, components };
    } else if (marker === APP1) {
      if (hasPrefix(segment, EXIF)) exif ??= exifOrientation(segment.subarray(EXIF.length));
      else if (hasPrefix(segment, XMP)) xmp ??= xmpOrientation(segment.subarray(XMP.length));
    }
  }
  return frame && { ...frame, orientation: exif ?? xmp ?? 1, complete };
}

/** Start-of-frame markers of all kinds; three numbers in their row mean something else. */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

/** Every marker that stands alone or heads a whole segment, with the segment's contents. */
function* markers(bytes: Uint8Array): Generator<[marker: number, segment: Uint8Array]> {
  const none = new Uint8Array();
  let at = 0;
  // Skipping to the next 0xff also skips pixels, and the junk that some cameras leave between segments.
  while ((at = bytes.indexOf(0xff, at)) >= 0) {
    while (bytes[at] === 0xff) at++; // fill bytes
    const marker = bytes[at++];
    if (marker === undefined) return;
    const isRestart = marker >= 0xd0 && marker <= 0xd7;
    if (marker === 0 || marker === 1 || isRestart || marker === START) continue; // among pixels, or without contents
    if (marker === END) {
      yield [marker, none];
      continue;
    }
    const length = bytes[at] << 8 | bytes[at + 1];
    if (!(length >= 2) || at + length > bytes.length) return;
    yield [marker, bytes.subarray(at + 2, at + length)];
    at += length;
  }
}

function hasPrefix(segment: Uint8Array, prefix: string): boolean {
  return segment.length >= prefix.length && [...prefix].every((char, i) => segment[i] === char.charCodeAt(0));
}
