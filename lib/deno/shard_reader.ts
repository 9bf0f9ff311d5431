// This module runs in Deno only.
/** Random access to the records of a folder of shards. See `shards.ts`. */

import { crc32 } from "node:zlib";
import type { ShardFormat } from "./shard_format.ts";
import { type IndexEntry, readShardIndex, type ShardIndex } from "./shard_index.ts";

/** Options of {@linkcode openRecords}. */
export interface OpenRecordsOptions {
  /** Records are held in memory up to this many bytes together, read from the file beyond. Default 1.5e9. */
  readonly memoryBytes?: number;
}

/**
 * Opens a folder of shards.
 *
 * @throws {Error} If it holds none of this format.
 */
export async function openRecords<Origin>(
  dir: string,
  format: ShardFormat<Origin>,
  options: OpenRecordsOptions = {},
): Promise<RecordFile<Origin>> {
  const { memoryBytes = 1.5e9 } = options;
  const index = await readShardIndex(dir, format);
  if (!index) {
    throw new Error(
      `Cannot open the ${format.contents} in ${dir}: there are none, run \`${format.command}\` first`,
    );
  }
  const records = new RecordFile(dir, format, index);
  try {
    if (records.count * records.bytes <= memoryBytes) records.load();
  } catch (error) {
    records.close();
    throw error;
  }
  return records;
}

/** Records open for reading. Each one's sum is checked when it is first read. */
export class RecordFile<Origin> {
  /** Records, outdated ones included. */
  readonly count: number;
  /** Bytes of one record. */
  readonly bytes: number;
  readonly #dir: string;
  readonly #format: ShardFormat<Origin>;
  readonly #index: ShardIndex<Origin>;
  readonly #file: Deno.FsFile;
  /** Whether a record's sum has been checked. */
  readonly #checked: Uint8Array;
  #memory: Uint8Array | undefined;
  #open = true;

  constructor(dir: string, format: ShardFormat<Origin>, index: ShardIndex<Origin>) {
    this.count = index.records;
    this.bytes = format.recordBytes(index.origin);
    this.#dir = dir;
    this.#format = format;
    this.#index = index;
    this.#file = Deno.openSync(`${dir}/${format.fileName(index.origin)}`);
    this.#checked = new Uint8Array(index.records);
  }

  /** How the records came about. */
  get origin(): Origin {
    return this.#index.origin;
  }

  /** Whether all of them are held in memory. */
  get inMemory(): boolean {
    return this.#memory !== undefined;
  }

  /** What the index says of a picture. */
  entry(name: string): IndexEntry | undefined {
    return this.#index.entries.get(name);
  }

  /** Reads everything into memory and closes the file. */
  load(): void {
    const memory = new Uint8Array(this.count * this.bytes);
    this.#readAt(0, memory);
    this.#memory = memory;
    this.close();
  }

  /**
   * Bytes of records, one after another.
   *
   * @param out Where they go. Default: a new array.
   * @throws {RangeError} If there is no such record, or `out` has another length.
   * @throws {Error} If the file is cut off, or a record's bytes are not those that were written.
   */
  read(records: ArrayLike<number>, out?: Uint8Array): Uint8Array {
    const { bytes } = this;
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
      if (!(record >= 0 && record < this.count)) {
        throw new RangeError(`Cannot read picture ${record}: there are the records 0 to ${this.count - 1}`);
      }
      const place = result.subarray(i * bytes, (i + 1) * bytes);
      if (this.#memory) place.set(this.#memory.subarray(record * bytes, (record + 1) * bytes));
      else this.#readAt(record * bytes, place);
      if (this.#checked[record]) continue;
      if (crc32(place) !== this.#index.sums[record]) throw this.#damage(record);
      this.#checked[record] = 1;
    }
    return result;
  }

  /**
   * Reads every picture's record.
   *
   * @param onProgress Called now and then; a promise is waited for.
   * @returns Names of the pictures whose records are damaged.
   */
  async damaged(onProgress?: (done: number, total: number) => void | Promise<void>): Promise<Set<string>> {
    const names = new Set<string>();
    const buffer = new Uint8Array(this.bytes);
    let done = 0;
    for (const [name, { record }] of this.#index.entries) {
      if (record !== undefined) {
        this.#readAt(record * this.bytes, buffer);
        if (crc32(buffer) !== this.#index.sums[record]) names.add(name);
      }
      if (++done % 64 === 0) await onProgress?.(done, this.#index.entries.size);
    }
    return names;
  }

  /** Closes the file. */
  close(): void {
    if (this.#open) this.#file.close();
    this.#open = false;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #damage(record: number): Error {
    const { contents, command } = this.#format;
    const name = [...this.#index.entries].find(([, entry]) => entry.record === record)?.[0] ?? record;
    return new Error(
      `Cannot use the ${contents} of ${name} in ${this.#dir}: its bytes are not those that were written ` +
        `(another CRC-32), run \`${command}\` to mend it`,
    );
  }

  #readAt(position: number, into: Uint8Array): void {
    this.#file.seekSync(position, Deno.SeekMode.Start);
    for (let done = 0; done < into.length;) {
      const read = this.#file.readSync(into.subarray(done));
      if (read === null) {
        const { fileName, command } = this.#format;
        throw new Error(
          `Cannot read ${this.#dir}/${fileName(this.origin)}: it ends early, run \`${command}\` to mend it`,
        );
      }
      done += read;
    }
  }
}
