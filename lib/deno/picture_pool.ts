// This module runs in Deno only.
/** Pictures loaded on all cores. Needs what decode.ts needs. */
import { PictureError } from "../image/picture_error.ts";
import type { Preprocessing } from "../image/preprocess.ts";
import { JobPool, WorkerCrash } from "./job_pool.ts";
import { mapAhead } from "./map_ahead.ts";
import type { PictureAnswer, PictureJob } from "./picture_worker.ts";

/** Options of {@linkcode openPicturePool}. */
export interface PicturePoolOptions {
  /** Workers. Default: as many as the machine has cores. */
  readonly threads?: number;
  /** Pictures with more pixels are refused by their header. Default 100 million. */
  readonly maxPixels?: number;
}

/** Workers that decode and resize pictures. */
export interface PicturePool {
  /** Workers. */
  readonly threads: number;
  /**
   * Reads a file, decodes it, turns it upright and preprocesses it.
   *
   * Waiting calls hold their path only; {@linkcode mapPictures} bounds what is done but not yet used.
   *
   * @returns Bytes [size, size, 3].
   * @throws {PictureError} Naming the path. The pool goes on.
   */
  load(path: string, preprocessing: Preprocessing): Promise<Uint8Array>;
  /** Ends the workers. What still waits is rejected. */
  close(): void;
}

const WORKER = new URL("./picture_worker.ts", import.meta.url);
/** Pictures under way for each worker of a pool: enough that none waits for the reader. */
const AHEAD = 4;

/** Makes a pool; its workers start with the first job. Close it, or the process does not end. */
export function openPicturePool(options: PicturePoolOptions = {}): PicturePool {
  const { threads = navigator.hardwareConcurrency, maxPixels } = options;
  const pool = new JobPool<PictureJob, PictureAnswer>(WORKER, threads);

  return {
    threads,
    async load(path, preprocessing) {
      let answer: PictureAnswer;
      try {
        answer = await pool.run({ path, preprocessing, maxPixels });
      } catch (error) {
        if (!(error instanceof WorkerCrash)) throw error;
        throw new PictureError(`decode ${path}`, "crashed", `its worker died of it (${error.message})`);
      }
      if (answer.pixels) return answer.pixels;
      if ("message" in answer.error) throw new Error(answer.error.message);
      const { subject, problem, reason } = answer.error;
      throw new PictureError(subject, problem, reason);
    },
    close: () => pool.close(),
  };
}

/** A picture of {@linkcode mapPictures}: its bytes [size, size, 3], or why there are none. */
export type LoadedPicture =
  | { readonly path: string; readonly pixels: Uint8Array; readonly error?: undefined }
  | { readonly path: string; readonly pixels?: undefined; readonly error: PictureError };

/**
 * Loads many pictures in order, a few ahead of the reader, so that memory stays bounded.
 *
 * A bad picture comes out as its error and does not stop the others.
 *
 * @throws {Error} If a picture is not to blame: a closed pool, a permission that the task lacks.
 */
export function mapPictures(
  pool: PicturePool,
  paths: Iterable<string>,
  preprocessing: Preprocessing,
): AsyncGenerator<LoadedPicture> {
  return mapAhead(paths, async (path): Promise<LoadedPicture> => {
    try {
      return { path, pixels: await pool.load(path, preprocessing) };
    } catch (error) {
      if (error instanceof PictureError) return { path, error };
      throw error;
    }
  }, { ahead: AHEAD * pool.threads });
}
