// This module runs in Deno only.
/** Which photos a dataset has, and which of them are wanted. */

import { type DatasetName, photoName, photoUrl } from "../data/coco_sources.ts";
import type { CaptionImage, SplitName } from "../data/captions.ts";
import { checkFileName } from "../data/file_names.ts";
import { parseCaptionFile } from "../data/formats.ts";
import { Random } from "../random.ts";
import { readText } from "./caption_reader.ts";
import type { Photo } from "./download_photos.ts";

/**
 * Every captioned photo of some splits, in the order of the caption files.
 *
 * URLs come from the published pattern and the photo's id, never from the file (`coco_url` of old files points to
 * hosts long gone); names must stay inside the picture folder.
 *
 * @param annotations Folder of the caption files.
 * @throws {Deno.errors.NotFound} If a caption file is not there.
 * @throws {SyntaxError} If one cannot be read, or holds an unsafe name.
 */
export async function listPhotos(
  dataset: DatasetName,
  { annotations, splits }: { readonly annotations: string; readonly splits: readonly SplitName[] },
): Promise<Photo[]> {
  const photos = new Map<string, Photo>(); // by file name: listed twice, it is fetched once
  const add = (photo: Photo) => photos.set(photo.fileName, photo);
  if (dataset === "flickr8k") {
    for (const split of splits) {
      const path = `${annotations}/Flickr_8k.${split === "val" ? "dev" : split}Images.txt`;
      for (const line of (await readText(path)).split(/\r?\n/)) {
        const fileName = line.trim();
        if (fileName === "") continue;
        checkFileName(fileName, path);
        add({ fileName, publishedName: fileName, folder: "flickr8k" });
      }
    }
  } else if (dataset === "karpathy") {
    const path = `${annotations}/dataset_coco.json`;
    const { images } = parseCaptionFile(await readText(path), { source: path });
    for (const image of images) {
      if (image.split && splits.includes(image.split)) add(cocoPhoto(image, cocoFolder(image, path)));
    }
  } else {
    const year = dataset.slice(-4);
    for (const split of splits) {
      const path = `${annotations}/captions_${split}${year}.json`;
      const { images } = parseCaptionFile(await readText(path), { source: path });
      for (const image of images) add(cocoPhoto(image, `${split}${year}`));
    }
  }
  return [...photos.values()];
}

function cocoPhoto({ id, fileName }: CaptionImage, folder: string): Photo {
  return { fileName, publishedName: photoName(folder, id), folder, url: photoUrl(folder, id) };
}

/** The Karpathy file names the folder; one that is not COCO's would lead the URL astray. */
function cocoFolder({ folder, fileName }: CaptionImage, path: string): string {
  if (folder === "train2014" || folder === "val2014") return folder;
  throw new SyntaxError(
    `Cannot read ${path}: "${fileName}" is in the folder "${
      folder ?? ""
    }", it should be train2014 or val2014`,
  );
}

/**
 * Some of the photos, chosen by seed: with the same seed a larger choice contains the smaller ones.
 *
 * @param count How many, or "all".
 */
export function choosePhotos(
  photos: readonly Photo[],
  count: number | "all",
  seed: number,
): readonly Photo[] {
  if (count === "all" || count >= photos.length) return photos;
  return new Random(seed).shuffled(photos).slice(0, count);
}

/**
 * The photos that are not in a folder yet. A file of no bytes does not count: a power failure can leave one.
 */
export function missingPhotos(photos: readonly Photo[], dir: string): Photo[] {
  const missing: Photo[] = [];
  for (const photo of photos) {
    try {
      const { size } = Deno.statSync(`${dir}/${photo.fileName}`); // 100,000 promises would take seconds
      if (size === 0) missing.push(photo);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      missing.push(photo);
    }
  }
  return missing;
}
