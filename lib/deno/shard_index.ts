// This module runs in Deno only.
/** The index of a folder of shards: which picture is which record. See `shards.ts`. */

import type { Preprocessing } from "../image/preprocess.ts";

/** Name of the file with the records. */
export const PIXELS_FILE = "pixels.u8";
/** Name of the file with the index. */
export const INDEX_FILE = "index.jsonl";

const FORMAT = "showtell-shards";
const VERSION = 1;

/** How pixels came about: what must be equal for records to be of use. Mean and deviation are the device's matter. */
export interface Geometry {
  readonly size: number;
  readonly resize: string;
  readonly shortSide: number;
  readonly orientation: string;
}

/** A picture of the index. */
export interface IndexEntry {
  /** Size of the file in bytes, when it was packed. */
  readonly bytes: number;
  /** When it had last been changed, milliseconds since 1970. */
  readonly modified: number;
  /** Number of the record; undefined where the picture is bad. */
  readonly record?: number;
  /** Why it is bad. */
  readonly error?: string;
}

/** What an index file says. */
export interface ShardIndex {
  readonly geometry: Geometry;
  /** Pictures by name; a picture packed twice has its later record. */
  readonly entries: ReadonlyMap<string, IndexEntry>;
  /** Records written, outdated ones included. */
  readonly records: number;
  /** Length of the file up to the last line that is whole and whose record is there, in bytes. */
  readonly validBytes: number;
}

/** The part of a preprocessing that shapes the pixels. */
export function geometryOf({ size, resize, shortSide = size, orientation }: Preprocessing): Geometry {
  return { size, resize, shortSide: resize === "crop" ? shortSide : size, orientation };
}

/** Bytes of one record. */
export function recordBytes({ size }: Geometry): number {
  return size * size * 3;
}

/** The first line of an index. */
export function headerLine(geometry: Geometry): string {
  return JSON.stringify({ format: FORMAT, version: VERSION, geometry }) + "\n";
}

/** A picture's line. The number of its record is that of the lines without error before it. */
export function entryLine(name: string, { bytes, modified, error }: IndexEntry): string {
  return JSON.stringify(error === undefined ? { name, bytes, modified } : { name, bytes, modified, error }) +
    "\n";
}

/**
 * Reads a folder's index. What an interrupted run left at its end, half a line or lines without their records, is
 * not counted.
 *
 * @returns Undefined when there is no index, or none of this format and version.
 */
export async function readShardIndex(dir: string): Promise<ShardIndex | undefined> {
  let text: string;
  let pixelBytes: number;
  try {
    text = await Deno.readTextFile(`${dir}/${INDEX_FILE}`);
    pixelBytes = (await Deno.stat(`${dir}/${PIXELS_FILE}`)).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  const lines = text.split("\n");
  lines.pop(); // empty, or cut off
  const header = parse(lines.shift()) as
    | { format?: string; version?: number; geometry?: Geometry }
    | undefined;
  if (header?.format !== FORMAT || header.version !== VERSION || !header.geometry) return undefined;
  const { geometry } = header;
  const most = Math.floor(pixelBytes / recordBytes(geometry));
  const entries = new Map<string, IndexEntry>();
  const encoder = new TextEncoder();
  let validBytes = encoder.encode(headerLine(geometry)).length;
  let records = 0;
  for (const line of lines) {
    const entry = parse(line) as ({ name: string } & IndexEntry) | undefined;
    if (!entry) break;
    const { name, bytes, modified, error } = entry;
    if (error !== undefined) entries.set(name, { bytes, modified, error });
    else if (records === most) break;
    else entries.set(name, { bytes, modified, record: records++ });
    validBytes += encoder.encode(line).length + 1;
  }
  return { geometry, entries, records, validBytes };
}

function parse(line: string | undefined): unknown {
  if (line === undefined) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined; // cut off by an interruption: what follows is not counted
  }
}
