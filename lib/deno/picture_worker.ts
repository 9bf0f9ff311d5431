// This module runs in Deno only.
/** What a worker of the picture pool does: jobs one after another, each answered, whatever happens. */
import { PictureError, type PictureProblem } from "../image/picture_error.ts";
import type { Pixels } from "../image/pixels.ts";
import { preprocess, type Preprocessing } from "../image/preprocess.ts";
import { decodeFile } from "./decode.ts";
import { encodeJpeg } from "./encode.ts";

/** A job for a worker. */
export type PictureJob =
  | {
    readonly kind: "load";
    readonly path: string;
    readonly preprocessing: Preprocessing;
    readonly maxPixels: number | undefined;
  }
  | {
    readonly kind: "encode";
    readonly path: string;
    readonly pixels: Pixels;
    readonly quality: number | undefined;
  };

/** What went wrong: a {@linkcode PictureError}'s parts (a clone would lose its class), or another error's message. */
export type PictureFailure =
  | { readonly subject: string; readonly problem: PictureProblem; readonly reason: string }
  | { readonly message: string };

/** A worker's answer: bytes of a loaded picture, nothing for a written one, or what went wrong. */
export type PictureAnswer =
  | { readonly pixels?: Uint8Array; readonly error?: undefined }
  | { readonly error: PictureFailure };

// The worker's own scope: lib "deno.window" types `self` as a window's.
const scope = self as unknown as DedicatedWorkerGlobalScope;

let last: Promise<void> = Promise.resolve();
scope.onmessage = ({ data }: MessageEvent<PictureJob>) => {
  last = last.then(async () => {
    const answer = await perform(data);
    const transfer = answer.error || !answer.pixels ? [] : [answer.pixels.buffer];
    scope.postMessage(answer, transfer);
  });
};
scope.postMessage("ready");

async function perform(job: PictureJob): Promise<PictureAnswer> {
  try {
    if (job.kind === "load") {
      return {
        pixels: preprocess(await decodeFile(job.path, { maxPixels: job.maxPixels }), job.preprocessing),
      };
    }
    await save(job.path, await encodeJpeg(job.pixels, job.quality));
    return {};
  } catch (error) {
    if (error instanceof PictureError) {
      const { subject, problem, reason } = error;
      return { error: { subject, problem, reason } };
    }
    return { error: { message: error instanceof Error ? error.message : String(error) } };
  }
}

/** Writes under a temporary name and renames, so that nobody reads half a picture. */
async function save(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.part`;
  try {
    await Deno.writeFile(temporary, bytes);
    await Deno.rename(temporary, path);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw new PictureError(
      `write ${path}`,
      "unwritable",
      error instanceof Error ? error.message : String(error),
    );
  }
}
