// This module runs in Deno only.
/** Writes shards so that an interruption at any moment leaves what can be gone on from. See `shards.ts`. */

import { crc32 } from "node:zlib";
import type { ShardFormat } from "./shard_format.ts";
import { entryLine, headerLine, INDEX_FILE, type ShardIndex } from "./shard_index.ts";
import { removeIfThere, writeAll } from "./write_file.ts";

const FLUSH_BYTES = 16 << 20; // an interruption loses at most this much
const FLUSH_MS = 250;

/** A picture file to be packed. */
export interface PictureFile {
  /** Name by which it is found again: its path inside the picture folder. */
  readonly name: string;
  readonly path: string;
  /** Size of the file in bytes. */
  readonly bytes: number;
  /** When it was last changed, milliseconds since 1970. */
  readonly modified: number;
}

/** Appends records and then their lines, in this order also on the disk. */
export class ShardWriter {
  readonly #dir: string;
  readonly #data: Deno.FsFile;
  readonly #index: Deno.FsFile;
  #failed = false;
  #records: Uint8Array[] = [];
  #lines: string[] = [];
  #waitingBytes = 0;
  #flushedAt = performance.now();

  private constructor(dir: string, data: Deno.FsFile, index: Deno.FsFile) {
    this.#dir = dir;
    this.#data = data;
    this.#index = index;
  }

  /** Opens both files and cuts off what an interrupted run left half done. */
  static async open<Origin>(
    dir: string,
    format: ShardFormat<Origin>,
    { origin, known }: { readonly origin: Origin; readonly known: ShardIndex<Origin> | undefined },
  ): Promise<ShardWriter> {
    const fileName = format.fileName(origin);
    if (!known) {
      await removeIfThere(`${dir}/${INDEX_FILE}`); // the index first: records without it mean nothing
      await removeIfThere(`${dir}/${fileName}`); // removed, not emptied: a reader may have it open
    }
    const open = (name: string) => Deno.open(`${dir}/${name}`, { create: true, write: true });
    const writer = new ShardWriter(dir, await open(fileName), await open(INDEX_FILE));
    await writer.#data.truncate((known?.records ?? 0) * format.recordBytes(origin));
    await writer.#index.truncate(known?.validBytes ?? 0);
    await writer.#data.seek(0, Deno.SeekMode.End);
    await writer.#index.seek(0, Deno.SeekMode.End);
    if (!known) await writeAll(writer.#index, new TextEncoder().encode(headerLine(format, origin)));
    return writer;
  }

  /** @param result The picture's record, or why there is none. */
  async add(picture: PictureFile, result: Uint8Array | string): Promise<void> {
    this.#lines.push(entryLine(picture, typeof result === "string" ? result : crc32(result)));
    if (typeof result !== "string") {
      this.#records.push(result);
      this.#waitingBytes += result.length;
    }
    if (this.#waitingBytes >= FLUSH_BYTES || performance.now() - this.#flushedAt >= FLUSH_MS) {
      await this.flush();
    }
  }

  /** @throws {Error} If the disk does not take it. What the index names is whole all the same. */
  async flush(): Promise<void> {
    const [records, lines] = [this.#records, this.#lines];
    this.#records = []; // before writing: after an error nothing may be written behind half a record
    this.#lines = [];
    this.#waitingBytes = 0;
    this.#flushedAt = performance.now();
    if (this.#failed) return;
    try {
      for (const record of records) await writeAll(this.#data, record);
      await this.#data.syncData();
      await writeAll(this.#index, new TextEncoder().encode(lines.join("")));
    } catch (error) {
      this.#failed = true;
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(
        `Cannot write records into ${this.#dir}: ${reason}, the same command goes on from here`,
        { cause: error },
      );
    }
  }

  [Symbol.dispose](): void {
    this.#data.close();
    this.#index.close();
  }
}
