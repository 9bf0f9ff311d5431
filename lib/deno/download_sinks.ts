// This module runs in Deno only.
/** Where downloaded bytes go: memory, or a `.part` file that the next run goes on with. */

import { dirname } from "node:path";
import { ensureDir } from "@std/fs/ensure-dir";
import { DiskError } from "./download_error.ts";
import { removeIfThere } from "./write_file.ts";

/** Where bytes go: a `.part` file or memory. */
export interface Sink {
  /** Bytes it holds so far: the next ones are asked for from here. */
  readonly length: number;
  /** The ETag or date of the version that the bytes are of, where the server gave one. */
  readonly validator: string | undefined;
  /** Whether more can be added: the version is known, or the whole will be checked. Else it starts again. */
  readonly resumable: boolean;
  /** Forgets everything: the server sends the file from its start. */
  restart(validator: string | undefined): void;
  append(chunk: Uint8Array): void;
}

/** A sink in memory, for files that are small enough to be started again by the next run. */
export class MemorySink implements Sink {
  #chunks: Uint8Array[] = [];
  length = 0;
  validator: string | undefined;

  restart(validator: string | undefined): void {
    this.#chunks = [];
    this.length = 0;
    this.validator = validator;
  }

  append(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.length += chunk.length;
  }

  get resumable(): boolean {
    return this.validator !== undefined;
  }

  /** Everything, in one piece. */
  bytes(): Uint8Array {
    if (this.#chunks.length === 1) return this.#chunks[0];
    const whole = new Uint8Array(this.length);
    let at = 0;
    for (const chunk of this.#chunks) {
      whole.set(chunk, at);
      at += chunk.length;
    }
    return whole;
  }
}

/**
 * A sink on disk: the bytes in `PATH.part`, and in `PATH.etag.part` where they are from, so that another process can
 * go on after this one was killed.
 */
export class PartFile implements Sink {
  readonly #path: string;
  readonly #url: string;
  readonly #file: Deno.FsFile;
  readonly #checked: boolean;
  length: number;
  validator: string | undefined;

  private constructor(path: string, url: string, file: Deno.FsFile, checked: boolean) {
    this.#path = path;
    this.#url = url;
    this.#file = file;
    this.#checked = checked;
    this.length = file.statSync().size;
  }

  /**
   * Opens or makes the part of `path`, and locks it against other processes.
   *
   * @param options.checked The whole will be compared with a published hash: parts of unknown origin may be used.
   * @throws {Error} If another process downloads the same file.
   */
  static async open(path: string, url: string, options: { readonly checked: boolean }): Promise<PartFile> {
    await ensureDir(dirname(path));
    const file = await Deno.open(`${path}.part`, { read: true, write: true, create: true });
    if (!await file.tryLock(true)) {
      file.close();
      throw new Error(`Cannot download ${path}: another process is downloading it, wait for it or stop it`);
    }
    const part = new PartFile(path, url, file, options.checked);
    const known = part.length > 0 ? await readOrigin(`${path}.etag.part`) : undefined;
    if (known?.url === url) part.validator = known.validator;
    else if (part.length > 0 && !options.checked) part.restart(undefined);
    file.seekSync(part.length, Deno.SeekMode.Start);
    return part;
  }

  get resumable(): boolean {
    return this.#checked || this.validator !== undefined;
  }

  restart(validator: string | undefined): void {
    this.#file.truncateSync(0);
    this.#file.seekSync(0, Deno.SeekMode.Start);
    this.length = 0;
    this.validator = validator;
    // Only once the old bytes are gone may the new origin be written, or a kill in between would mix versions.
    const origin = JSON.stringify({ url: this.#url, validator });
    this.#onDisk(() => Deno.writeTextFileSync(`${this.#path}.etag.part`, origin));
  }

  append(chunk: Uint8Array): void {
    this.#onDisk(() => {
      for (let at = 0; at < chunk.length;) {
        const written = this.#file.writeSync(chunk.subarray(at));
        at += written;
        this.length += written;
      }
    });
  }

  /** Tells a full disk from a cut line. */
  #onDisk(write: () => void): void {
    try {
      write();
    } catch (error) {
      throw new DiskError(`${this.#path}.part`, error);
    }
  }

  /** Gives the file its final name. */
  async finish(): Promise<void> {
    await this.#file.syncData();
    await Deno.rename(`${this.#path}.part`, this.#path);
    await removeIfThere(`${this.#path}.etag.part`);
  }

  /** Removes what there is: it is of no use. */
  async discard(): Promise<void> {
    await removeIfThere(`${this.#path}.part`);
    await removeIfThere(`${this.#path}.etag.part`);
  }

  /** Closes the file and ends the lock. */
  [Symbol.dispose](): void {
    this.#file.close();
  }
}

/** What the file beside a part says; undefined when there is none or a kill cut it short. */
async function readOrigin(path: string): Promise<{ url: string; validator?: string } | undefined> {
  try {
    const origin = JSON.parse(await Deno.readTextFile(path));
    return typeof origin?.url === "string" ? origin : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
