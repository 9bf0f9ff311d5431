// This module runs in Deno only.
/** Unpacks zip archives from disk, trusting nothing they say: names, sizes and checksums are checked. */

import { dirname } from "node:path";
import type { Entry } from "@zip-js/zip-js";
import { crc32, inflateRawSync } from "node:zlib";
import { ensureDir } from "@std/fs/ensure-dir";
import {
  DamageError,
  DEFLATED,
  messageOf,
  readAt,
  readDirectory,
  STORED,
  type ZipItem,
} from "./unzip_directory.ts";
import { removeIfThere } from "./write_file.ts";

const ENCRYPTED_FLAG = 1;

/** Options of {@linkcode unzip}. */
export interface UnzipOptions {
  /**
   * Which entries to unpack: the path inside `into` for a name in the archive, undefined to leave it out. Default:
   * all of them under their names.
   */
  readonly select?: (name: string) => string | undefined;
  /** Called for each entry, with the bytes written so far and in all. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
  /** Called for a damaged entry; without it the first one ends the work. */
  readonly onDamaged?: (path: string, error: Error) => void;
  /** Ends the work between two entries, or within a large one. */
  readonly signal?: AbortSignal;
}

/** What was unpacked. */
export interface Unzipped {
  /** Paths of the files written, and of those that were there already with the right size. */
  readonly files: readonly string[];
  /** Names in the archive that were not selected. */
  readonly skipped: number;
  /** Bytes of the files. */
  readonly bytes: number;
}

/**
 * Unpacks an archive into a folder. Each file is written as `NAME.part`, its size and CRC-32 are checked, and it is
 * renamed; files that are there with the right size are left as they are, so that a killed run can be repeated.
 *
 * Nothing is written when the archive's directory is missing or hostile: names that lead out of the folder, sizes that
 * cannot be, entries that overlap.
 *
 * @throws {Error} Naming the archive and what is wrong with it.
 */
export async function unzip(archive: string, into: string, options: UnzipOptions = {}): Promise<Unzipped> {
  const { onProgress, onDamaged, signal } = options;
  using file = await Deno.open(archive);
  const { items, skipped } = await readDirectory(file, {
    archive,
    into,
    select: options.select ?? ((name) => name),
  });
  const totalBytes = items.reduce((sum, { bytes }) => sum + bytes, 0);
  const files: string[] = [];
  const folders = new Set<string>();
  let doneBytes = 0;
  let bytes = 0;
  for (const item of items) {
    signal?.throwIfAborted();
    const folder = dirname(item.path);
    if (!folders.has(folder)) await ensureDir(folder);
    folders.add(folder);
    try {
      if (!hasSize(item.path, item.bytes)) await unpack(file, item, signal);
      files.push(item.path);
      bytes += item.bytes;
    } catch (error) {
      await removeIfThere(`${item.path}.part`);
      signal?.throwIfAborted();
      if (!(error instanceof DamageError)) throw error;
      const reason = `"${item.name}" is damaged (${messageOf(error)})`;
      const damage = new Error(`Cannot unpack ${archive}: ${reason}, download the archive again`, {
        cause: error,
      });
      if (!onDamaged) throw damage;
      onDamaged(item.path, damage);
    }
    doneBytes += item.bytes;
    onProgress?.(doneBytes, totalBytes);
  }
  return { files, skipped, bytes };
}

async function unpack(file: Deno.FsFile, item: ZipItem, signal?: AbortSignal): Promise<void> {
  const part = `${item.path}.part`;
  // Synchronous calls: for 100,000 small files the detour over other threads would take most of the time.
  const output = Deno.openSync(part, { write: true, create: true, truncate: true });
  try {
    if (item.entry) await streamEntry(item.entry, item, output, signal);
    else writeSync(output, unpackSmall(file, item));
  } finally {
    output.close();
  }
  Deno.renameSync(part, item.path);
}

/** A small file in one piece, from the local header on (APPNOTE.TXT 4.3.7). */
function unpackSmall(
  file: Deno.FsFile,
  item: ZipItem,
): Uint8Array {
  const { offset, packedBytes, bytes, crc, deflated, rawName } = item;
  const header = new DataView(readAt(file, offset, 30).buffer);
  if (header.getUint32(0, true) !== 0x04034b50) throw new DamageError("its local header is missing");
  const method = header.getUint16(8, true);
  if (method !== (deflated ? DEFLATED : STORED) || header.getUint16(6, true) & ENCRYPTED_FLAG) {
    throw new DamageError("its two headers differ");
  }
  const nameLength = header.getUint16(26, true);
  const name = readAt(file, offset + 30, nameLength);
  if (nameLength !== rawName.length || !name.every((byte, i) => byte === rawName[i])) {
    throw new DamageError("its two headers differ in the name");
  }
  const packed = readAt(file, offset + 30 + nameLength + header.getUint16(28, true), packedBytes);
  let data: Uint8Array = packed;
  if (deflated) {
    try {
      // One byte more than declared is room enough to notice a bomb, and no more.
      data = inflateRawSync(packed, { chunkSize: Math.max(64, bytes + 1), maxOutputLength: bytes + 1 });
    } catch (error) {
      throw (error as { code?: unknown }).code === "ERR_BUFFER_TOO_LARGE"
        ? bomb(bytes)
        : new DamageError(messageOf(error));
    }
  }
  if (data.length !== bytes) throw new DamageError(`it has other than the declared ${bytes} bytes`);
  if (crc32(data) !== crc) throw new DamageError("its CRC-32 differs");
  return data;
}

async function streamEntry(
  entry: Entry,
  { bytes }: ZipItem,
  output: Deno.FsFile,
  signal?: AbortSignal,
): Promise<void> {
  let written = 0;
  const sink = new WritableStream<Uint8Array>({
    write(chunk) {
      written += chunk.length;
      if (written > bytes) {
        throw bomb(bytes);
      }
      writeSync(output, chunk);
    },
  });
  try {
    await (entry as { getData: FileData }).getData(sink, { checkSignature: true, signal });
  } catch (error) {
    // Its own errors are all about the archive's bytes; those of the disk have a class of Deno's.
    if (Object.values(Deno.errors).some((kind) => error instanceof kind)) throw error;
    throw error instanceof DamageError ? error : new DamageError(messageOf(error));
  }
  if (written !== bytes) throw new DamageError(`it has ${written} bytes, not the declared ${bytes}`);
}

type FileData = (
  sink: WritableStream,
  options: { checkSignature: boolean; signal?: AbortSignal },
) => Promise<unknown>;

function bomb(bytes: number): DamageError {
  return new DamageError(`it has more than the declared ${bytes} bytes: it is a bomb`);
}

function writeSync(file: Deno.FsFile, data: Uint8Array): void {
  for (let written = 0; written < data.length;) written += file.writeSync(data.subarray(written));
}

function hasSize(path: string, bytes: number): boolean {
  try {
    return Deno.statSync(path).size === bytes;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
