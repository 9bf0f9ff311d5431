// This module runs in Deno only.
/** Pictures small enough to lie inside an HTML page. */
import type { ImageId } from "../text/encode_captions.ts";
import { resizeBilinear } from "../image/resize.ts";
import { PictureError } from "../image/picture_error.ts";
import { decodeFile } from "./decode.ts";
import { encodeJpeg } from "./encode.ts";

/** Options of {@linkcode cardPictures}. */
export interface CardPictureOptions {
  /** Longest side in pixels; smaller pictures stay as they are. Default 360. */
  readonly longestSide?: number;
  /** Told of a picture that cannot be shown; the page is made without it. Default: nobody. */
  readonly onProblem?: (error: PictureError) => void;
}

/**
 * The loader that `evaluationCard` takes: an image's file, made small, as a `data:` URI.
 *
 * @param paths File of each image.
 */
export function cardPictures(
  paths: ReadonlyMap<ImageId, string>,
  options: CardPictureOptions = {},
): (id: ImageId) => Promise<string | undefined> {
  const { longestSide = 360, onProblem } = options;
  return async (id) => {
    const path = paths.get(id);
    if (path === undefined) return undefined;
    try {
      const pixels = await decodeFile(path);
      const scale = Math.min(1, longestSide / Math.max(pixels.width, pixels.height));
      const [width, height] = [pixels.width, pixels.height].map((side) =>
        Math.max(1, Math.round(side * scale))
      );
      const small = scale === 1 ? pixels : resizeBilinear(pixels, { width, height });
      return `data:image/jpeg;base64,${(await encodeJpeg(small)).toBase64()}`;
    } catch (error) {
      if (!(error instanceof PictureError)) throw error;
      onProblem?.(error);
      return undefined;
    }
  };
}
