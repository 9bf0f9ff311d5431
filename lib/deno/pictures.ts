// This module runs in Deno only.
import { PictureError } from "../image/picture_error.ts";
import { preprocess, type Preprocessing } from "../image/preprocess.ts";
import { decodeFile } from "./decode.ts";
import { type LoadedPicture, mapPictures, openPicturePool } from "./picture_pool.ts";

/** Fewer pictures than this are decoded here: starting Workers takes longer. */
const WORTH_A_POOL = 4;

/** Loads pictures in batches, in order; a bad one comes as its error. */
export async function* loadPictures(
  paths: readonly string[],
  preprocessing: Preprocessing,
  { batch, maxPixels }: { readonly batch: number; readonly maxPixels: number },
): AsyncGenerator<LoadedPicture[]> {
  if (paths.length < WORTH_A_POOL) {
    yield await Promise.all(paths.map((path) => loadHere(path, preprocessing, maxPixels)));
    return;
  }
  const pool = openPicturePool({ maxPixels });
  try {
    let gathered: LoadedPicture[] = [];
    for await (const picture of mapPictures(pool, paths, preprocessing)) {
      gathered.push(picture);
      if (gathered.length === batch) {
        yield gathered;
        gathered = [];
      }
    }
    if (gathered.length > 0) yield gathered;
  } finally {
    pool.close();
  }
}

async function loadHere(
  path: string,
  preprocessing: Preprocessing,
  maxPixels: number,
): Promise<LoadedPicture> {
  try {
    return { path, pixels: preprocess(await decodeFile(path, { maxPixels }), preprocessing) };
  } catch (error) {
    if (error instanceof PictureError) return { path, error };
    throw error;
  }
}
