// This module runs in Deno only.
/** What a worker that makes the built-in picture world does: it draws, encodes and writes pictures. */

import { drawScene } from "../data/shapes_draw.ts";
import { makeScene } from "../data/shapes_scene.ts";
import { encodeJpeg } from "./encode.ts";
import { writeFileAtomic } from "./write_file.ts";

/** Pictures to make, of one seed and one size. */
export interface ShapesJob {
  readonly seed: number;
  /** Side in pixels. */
  readonly size: number;
  /** Of the JPEGs, 1 to 100. */
  readonly quality: number;
  /** Which scenes, and the path of each one's picture. */
  readonly pictures: readonly { readonly index: number; readonly path: string }[];
}

/** Done, or why not. */
export interface ShapesAnswer {
  readonly error?: string;
}

// The worker's own scope: lib "deno.window" types `self` as a window's.
const scope = self as unknown as DedicatedWorkerGlobalScope;

scope.onmessage = async ({ data }: MessageEvent<ShapesJob>) => {
  let answer: ShapesAnswer = {};
  try {
    await make(data);
  } catch (error) {
    answer = { error: error instanceof Error ? error.message : String(error) };
  }
  scope.postMessage(answer);
};
scope.postMessage("ready");

async function make({ seed, size, quality, pictures }: ShapesJob): Promise<void> {
  for (const { index, path } of pictures) {
    const jpeg = await encodeJpeg(drawScene(makeScene(seed, index), size), quality);
    // Not durable: waiting for the disk 15,000 times costs more than to draw a picture again.
    await writeFileAtomic(path, jpeg, { durable: false });
  }
}
