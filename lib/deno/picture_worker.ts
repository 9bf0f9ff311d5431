// This module runs in Deno only.
/** What a worker of the picture pool does: it loads a picture and answers, whatever happens. See job_pool.ts. */
import { PictureError, type PictureProblem } from "../image/picture_error.ts";
import { preprocess, type Preprocessing } from "../image/preprocess.ts";
import { decodeFile } from "./decode.ts";

/** A picture to load. */
export interface PictureJob {
  readonly path: string;
  readonly preprocessing: Preprocessing;
  readonly maxPixels: number | undefined;
}

/** What went wrong: a {@linkcode PictureError}'s parts (a clone would lose its class), or another error's message. */
export type PictureFailure =
  | { readonly subject: string; readonly problem: PictureProblem; readonly reason: string }
  | { readonly message: string };

/** A worker's answer: bytes of a loaded picture, or what went wrong. */
export type PictureAnswer =
  | { readonly pixels: Uint8Array; readonly error?: undefined }
  | { readonly pixels?: undefined; readonly error: PictureFailure };

// The worker's own scope: lib "deno.window" types `self` as a window's.
const scope = self as unknown as DedicatedWorkerGlobalScope;

scope.onmessage = async ({ data }: MessageEvent<PictureJob>) => {
  const answer = await load(data);
  scope.postMessage(answer, answer.pixels ? [answer.pixels.buffer] : []);
};
scope.postMessage("ready");

async function load({ path, preprocessing, maxPixels }: PictureJob): Promise<PictureAnswer> {
  try {
    return { pixels: preprocess(await decodeFile(path, { maxPixels }), preprocessing) };
  } catch (error) {
    if (error instanceof PictureError) {
      const { subject, problem, reason } = error;
      return { error: { subject, problem, reason } };
    }
    return { error: { message: error instanceof Error ? error.message : String(error) } };
  }
}
