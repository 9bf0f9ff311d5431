// This module runs in Deno only.
/** The directory of a zip archive, read and checked before anything is unpacked. */

import { configure, type Entry, Reader, ZipReader } from "@zip-js/zip-js";
import { checkFileName } from "../data/file_names.ts";

configure({ useWebWorkers: false, chunkSize: 1 << 19 }); // its workers would keep the process alive for seconds

/** One file of an archive, as the directory describes it. */
export interface ZipItem {
  readonly name: string;
  /** The name's bytes. */
  readonly rawName: Uint8Array;
  /** Where it is to go. */
  readonly path: string;
  /** Of its local header in the archive. */
  readonly offset: number;
  /** Bytes in the archive, and unpacked. */
  readonly packedBytes: number;
  readonly bytes: number;
  /** CRC-32 of the unpacked bytes. */
  readonly crc: number;
  readonly deflated: boolean;
  /** Kept for large ones only: an archive may have 100,000 entries. */
  readonly entry?: Entry;
}

/** Up to this size a file is unpacked in one piece: a stream for each of 100,000 photos takes twice as long. */
const SMALL_BYTES = 4 << 20;
/** Deflate cannot do better than 1,032 : 1; what claims more is a lie. */
const MAX_RATIO = 1032;
/** Methods of packing that are read. */
export const STORED = 0;
export const DEFLATED = 8;

/** The archive's bytes are not what they should be. */
export class DamageError extends Error {
  override name = "DamageError";
}

/**
 * The path of an archive's entry inside a folder.
 *
 * @throws {SyntaxError} If it would lie elsewhere.
 */
function pathInside(folder: string, name: string, archive: string): string {
  checkFileName(name, archive);
  return `${folder}/${name}`;
}

/**
 * Reads and checks an archive's directory.
 *
 * @param select The path inside `into` for a name in the archive, undefined to leave it out.
 * @throws {Error} If it is missing or hostile: names that lead out of the folder, sizes that cannot be, overlaps.
 */
export async function readDirectory(
  file: Deno.FsFile,
  { archive, into, select }: {
    readonly archive: string;
    readonly into: string;
    readonly select: (name: string) => string | undefined;
  },
): Promise<{ items: ZipItem[]; skipped: number }> {
  const items: ZipItem[] = [];
  const spans: [start: number, end: number][] = [];
  const paths = new Set<string>();
  let skipped = 0;
  const reader = new ZipReader(new DiskReader(file));
  try {
    for await (const entry of reader.getEntriesGenerator()) {
      if (entry.directory) continue;
      const { filename: name, compressedSize: packedBytes, uncompressedSize: bytes, offset } = entry;
      pathInside(into, name, archive); // of all of them, selected or not
      // local header: 30 bytes and the name; its extra fields are not known here
      spans.push([offset, offset + 30 + entry.rawFilename.length + packedBytes]);
      const target = select(name);
      if (target === undefined) {
        skipped++;
        continue;
      }
      const path = pathInside(into, target, archive);
      if (paths.has(path)) throw new Error(`Cannot unpack ${archive}: it holds two files for ${path}`);
      paths.add(path);
      checkEntry(entry, archive);
      const deflated = entry.compressionMethod === DEFLATED;
      const large = bytes > SMALL_BYTES || packedBytes > SMALL_BYTES;
      const crc = entry.signature ?? 0; // absent for encrypted entries alone, which are refused
      const rawName = entry.rawFilename;
      items.push({
        name,
        rawName,
        path,
        offset,
        packedBytes,
        bytes,
        crc,
        deflated,
        entry: large ? entry : undefined,
      });
    }
  } catch (error) {
    if (error instanceof Error && error.message.startsWith("Cannot ")) throw error;
    throw directoryError(archive, file, error);
  } finally {
    await reader.close();
  }
  spans.sort(([a], [b]) => a - b);
  const overlap = spans.findIndex(([start], i) => i > 0 && start < spans[i - 1][1]);
  if (overlap >= 0) {
    throw new Error(`Cannot unpack ${archive}: its entries overlap, which only zip bombs' do`);
  }
  return { items, skipped };
}

function checkEntry(entry: Entry, archive: string): void {
  const { filename, compressionMethod, compressedSize, uncompressedSize } = entry;
  const refuse = (problem: string) => new Error(`Cannot unpack ${archive}: "${filename}" ${problem}`);
  if (compressionMethod !== STORED && compressionMethod !== DEFLATED) {
    throw refuse(`is packed by method ${compressionMethod}, only stored (0) and deflated (8) are read`);
  }
  if (entry.encrypted) throw refuse("is encrypted");
  const most = compressionMethod === STORED ? compressedSize : compressedSize * MAX_RATIO + 64;
  if (uncompressedSize > most) {
    throw refuse(
      `claims ${uncompressedSize} bytes out of ${compressedSize}: no packing can do that, it is a bomb`,
    );
  }
}

/** zip.js reads the archive through this: any part of a file, without loading it. */
class DiskReader extends Reader<Deno.FsFile> {
  readonly #file: Deno.FsFile;

  constructor(file: Deno.FsFile) {
    super(file);
    this.#file = file;
  }

  override async init(): Promise<void> {
    await super.init?.();
    this.size = this.#file.statSync().size;
  }

  override readUint8Array(offset: number, length: number): Promise<Uint8Array> {
    return Promise.resolve(readAt(this.#file, offset, Math.min(length, this.size - offset)));
  }
}

/** Bytes of a file from any place in it. */
export function readAt(file: Deno.FsFile, offset: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  file.seekSync(offset, Deno.SeekMode.Start);
  for (let at = 0; at < length;) {
    const read = file.readSync(bytes.subarray(at));
    if (read === null) throw new DamageError("the archive ends within it");
    at += read;
  }
  return bytes;
}

function directoryError(archive: string, file: Deno.FsFile, error: unknown): Error {
  const message = messageOf(error);
  const { size } = file.statSync();
  const unsafe = (error as { filename?: unknown }).filename;
  if (typeof unsafe === "string") {
    return new Error(`Cannot unpack ${archive}: it holds "${unsafe}", a name that leads out of the folder`, {
      cause: error,
    });
  }
  return new Error(
    `Cannot unpack ${archive}: it is no whole zip archive (${message}; ${size} bytes), delete it and download it again`,
    { cause: error },
  );
}

/** What an error says. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
