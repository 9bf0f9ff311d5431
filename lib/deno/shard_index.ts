// This module runs in Deno only.
/** The index of a folder of shards: which picture is which record. See `shards.ts`. */

import type { ShardFormat } from "./shard_format.ts";

/** Name of the file with the index. */
export const INDEX_FILE = "index.jsonl";

const VERSION = 2;

/** A picture of the index. */
export interface IndexEntry {
  /** Size of the file in bytes, when its record was made. */
  readonly bytes: number;
  /** When it had last been changed, milliseconds since 1970. */
  readonly modified: number;
  /** Number of the record; undefined where the picture is bad. */
  readonly record?: number;
  /** Why it is bad. */
  readonly error?: string;
}

/** What an index file says. */
export interface ShardIndex<Origin> {
  /** How the records came about. */
  readonly origin: Origin;
  /** Pictures by name; a picture with two records has its later one. */
  readonly entries: ReadonlyMap<string, IndexEntry>;
  /** Records written, outdated ones included. */
  readonly records: number;
  /** CRC-32 of each record. */
  readonly sums: readonly number[];
  /** Length of the file up to the last line that is whole and whose record is there, in bytes. */
  readonly validBytes: number;
}

/** The first line of an index. */
export function headerLine<Origin>(format: ShardFormat<Origin>, origin: Origin): string {
  return JSON.stringify({ format: format.name, version: VERSION, origin }) + "\n";
}

/**
 * A picture's line. The number of its record is that of the lines without error before it.
 *
 * @param result The CRC-32 of its record, or why it has none.
 */
export function entryLine(
  { name, bytes, modified }: { readonly name: string; readonly bytes: number; readonly modified: number },
  result: number | string,
): string {
  const entry = { name, bytes, modified };
  return JSON.stringify(
    typeof result === "string" ? { ...entry, error: result } : { ...entry, crc: result },
  ) +
    "\n";
}

/**
 * Reads a folder's index. What an interrupted run left at its end, half a line or lines without their records, is
 * not counted.
 *
 * @returns Undefined when there is no index, or none of this format and version.
 */
export async function readShardIndex<Origin>(
  dir: string,
  format: ShardFormat<Origin>,
): Promise<ShardIndex<Origin> | undefined> {
  const text = await unlessMissing(Deno.readTextFile(`${dir}/${INDEX_FILE}`));
  const lines = (text ?? "").split("\n");
  lines.pop(); // empty, or cut off
  const header = parse(lines.shift()) as
    | { format?: string; version?: number; origin?: Origin }
    | undefined;
  if (header?.format !== format.name || header.version !== VERSION || !header.origin) return undefined;
  const { origin } = header;
  const file = await unlessMissing(Deno.stat(`${dir}/${format.fileName(origin)}`));
  if (!file) return undefined;
  const most = Math.floor(file.size / format.recordBytes(origin));
  const entries = new Map<string, IndexEntry>();
  const sums: number[] = [];
  const encoder = new TextEncoder();
  let validBytes = encoder.encode(headerLine(format, origin)).length;
  for (const line of lines) {
    const entry = parse(line) as ({ name: string; crc: number } & IndexEntry) | undefined;
    if (!entry) break;
    const { name, bytes, modified, error, crc } = entry;
    if (error !== undefined) entries.set(name, { bytes, modified, error });
    else if (sums.length === most) break;
    else entries.set(name, { bytes, modified, record: sums.push(crc) - 1 });
    validBytes += encoder.encode(line).length + 1;
  }
  return { origin, entries, records: sums.length, sums, validBytes };
}

async function unlessMissing<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function parse(line: string | undefined): unknown {
  if (line === undefined) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined; // cut off by an interruption: what follows is not counted
  }
}
