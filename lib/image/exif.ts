// This module is browser compatible.
/** Finds which way is up in the data about a picture. What cannot be read means upright: it is no reason to refuse. */
import type { Orientation } from "./orient.ts";

const ORIENTATION_TAG = 0x0112;
const SHORT = 3;
const ENTRY_BYTES = 12;

/** @param exif An EXIF block, from its byte order mark on. */
export function exifOrientation(exif: Uint8Array): Orientation | undefined {
  const view = new DataView(exif.buffer, exif.byteOffset, exif.byteLength);
  if (view.byteLength < 8) return undefined;
  const mark = view.getUint16(0);
  if (mark !== 0x4949 && mark !== 0x4d4d) return undefined; // "II" or "MM"
  const little = mark === 0x4949;
  const directory = view.getUint32(4, little);
  if (directory + 2 > view.byteLength) return undefined;
  const entries = view.getUint16(directory, little);
  for (let i = 0; i < entries; i++) {
    const at = directory + 2 + i * ENTRY_BYTES;
    if (at + ENTRY_BYTES > view.byteLength) return undefined;
    if (view.getUint16(at, little) === ORIENTATION_TAG && view.getUint16(at + 2, little) === SHORT) {
      return toOrientation(view.getUint16(at + 8, little));
    }
  }
  return undefined;
}

/** @param xmp An XMP packet: some editors say it there, as an attribute or an element. */
export function xmpOrientation(xmp: Uint8Array): Orientation | undefined {
  const found = /tiff:Orientation(?:="|>)([1-8])/.exec(new TextDecoder().decode(xmp));
  return found ? toOrientation(Number(found[1])) : undefined;
}

function toOrientation(value: number): Orientation | undefined {
  return value >= 1 && value <= 8 ? value as Orientation : undefined; // checked on this line
}
