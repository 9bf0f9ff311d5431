// This module runs in Deno only.
/** Random access to packed pictures. See `shards.ts`. */

import { type IndexEntry, PIXELS_FILE, readShardIndex, recordBytes } from "./shard_index.ts";

/** Packed pictures, open for reading. */
export interface Shards {
  /** Width and height of each picture in pixels. */
  readonly size: number;
  /** Records, outdated ones included. */
  readonly records: number;
  /** Whether all of them are held in memory. */
  readonly inMemory: boolean;
  /** Number of a picture's record, or undefined where it has none. */
  find(name: string): number | undefined;
  /**
   * Pixels of records, one after another.
   *
   * @param out Where they go. Default: a new array.
   * @returns Bytes [records.length, size, size, 3].
   * @throws {RangeError} If there is no such record, or `out` has another length.
   */
  pixels(records: ArrayLike<number>, out?: Uint8Array): Uint8Array;
  /** Closes the file. */
  close(): void;
  [Symbol.dispose](): void;
}

/** Options of {@linkcode openShards}. */
export interface OpenShardsOptions {
  /** Records are held in memory up to this many bytes together, read from the file beyond. Default 1.5e9. */
  readonly memoryBytes?: number;
}

/**
 * Opens a folder that `prepareShards` filled.
 *
 * @throws {Error} If the folder holds no shards.
 */
export async function openShards(dir: string, options: OpenShardsOptions = {}): Promise<Shards> {
  const { memoryBytes = 1.5e9 } = options;
  const index = await readShardIndex(dir);
  if (!index) {
    throw new Error(
      `Cannot open the packed pictures in ${dir}: there are none, run \`deno task prepare\` first`,
    );
  }
  const { records, entries, geometry } = index;
  const file = await Deno.open(`${dir}/${PIXELS_FILE}`);
  const bytes = recordBytes(geometry);
  const shards = new FileShards(file, entries, { size: geometry.size, records, bytes });
  if (records * bytes <= memoryBytes) shards.load();
  return shards;
}

class FileShards implements Shards {
  readonly size: number;
  readonly records: number;
  readonly #bytes: number;
  readonly #file: Deno.FsFile;
  readonly #entries: ReadonlyMap<string, IndexEntry>;
  #memory: Uint8Array | undefined;
  #open = true;

  constructor(
    file: Deno.FsFile,
    entries: ReadonlyMap<string, IndexEntry>,
    { size, records, bytes }: { size: number; records: number; bytes: number },
  ) {
    this.#file = file;
    this.#entries = entries;
    this.size = size;
    this.records = records;
    this.#bytes = bytes;
  }

  get inMemory(): boolean {
    return this.#memory !== undefined;
  }

  /** Reads everything into memory and closes the file. */
  load(): void {
    const memory = new Uint8Array(this.records * this.#bytes);
    this.#readAt(0, memory);
    this.#memory = memory;
    this.close();
  }

  find(name: string): number | undefined {
    return this.#entries.get(name)?.record;
  }

  pixels(records: ArrayLike<number>, out?: Uint8Array): Uint8Array {
    const bytes = this.#bytes;
    const result = out ?? new Uint8Array(records.length * bytes);
    if (result.length !== records.length * bytes) {
      throw new RangeError(
        `Cannot read ${records.length} pictures into ${result.length} bytes: they need ${
          records.length * bytes
        }`,
      );
    }
    for (let i = 0; i < records.length; i++) {
      const record = records[i];
      if (!(record >= 0 && record < this.records)) {
        throw new RangeError(`Cannot read picture ${record}: there are the records 0 to ${this.records - 1}`);
      }
      if (this.#memory) {
        result.set(this.#memory.subarray(record * bytes, (record + 1) * bytes), i * bytes);
      } else this.#readAt(record * bytes, result.subarray(i * bytes, (i + 1) * bytes));
    }
    return result;
  }

  close(): void {
    if (this.#open) this.#file.close();
    this.#open = false;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #readAt(position: number, into: Uint8Array): void {
    this.#file.seekSync(position, Deno.SeekMode.Start);
    for (let done = 0; done < into.length;) {
      const read = this.#file.readSync(into.subarray(done));
      if (read === null) {
        throw new Error(`Cannot read ${PIXELS_FILE}: it ends early, run \`deno task prepare\` to mend it`);
      }
      done += read;
    }
  }
}
