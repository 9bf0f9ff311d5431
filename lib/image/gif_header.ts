// This module is browser compatible.
/** Walks to a GIF's first frame without decoding anything (GIF89a specification, sections 18 to 24). */
import type { Orientation } from "./orient.ts";

/** What a GIF says about itself. */
export interface GifHeader {
  /** Of the screen or of the first frame, whichever is wider: so much memory decoding takes. */
  readonly width: number;
  /** Of the screen or of the first frame, whichever is higher. */
  readonly height: number;
  readonly orientation: Orientation;
  /** Whether the trailer is there. Where it is missing, the file may have been cut off. */
  readonly complete: boolean;
}

const HEADER_BYTES = 13;
const EXTENSION = 0x21;
const FRAME = 0x2c;
const TRAILER = 0x3b;

/**
 * Reads a GIF's header and the place of its first frame.
 *
 * @returns Undefined if the file ends before its first frame.
 */
export function readGifHeader(bytes: Uint8Array): GifHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEADER_BYTES) return undefined;
  const flags = bytes[10];
  let at = HEADER_BYTES + (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0); // after the palette
  while (bytes[at] === EXTENSION) {
    at += 2;
    while (bytes[at] > 0) at += bytes[at] + 1; // blocks, each headed by its length
    at++;
  }
  if (bytes[at] !== FRAME || at + 10 > bytes.length) return undefined;
  const [left, top, wide, high] = [1, 3, 5, 7].map((field) => view.getUint16(at + field, true));
  return {
    width: Math.max(view.getUint16(6, true), left + wide),
    height: Math.max(view.getUint16(8, true), top + high),
    orientation: 1,
    complete: bytes.at(-1) === TRAILER,
  };
}
