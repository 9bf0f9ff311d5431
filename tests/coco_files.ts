// This module runs in Deno only.
/** Small datasets in the published layout, for the host of coco_host.ts. */

import { photoName } from "../lib/data/coco_sources.ts";
import { fakeJpeg, type HostFiles } from "./coco_host.ts";
import { type ZipEntry, zipOf } from "./zip_of.ts";

/** Ids of the photos of each folder. */
export const IDS: Readonly<Record<string, readonly number[]>> = {
  train2014: [9, 25, 30, 34, 36, 49, 61, 64],
  val2014: [42, 73, 74, 133],
  train2017: [9, 25, 30],
  val2017: [139, 285],
};

/** Photos of a folder by their published names. */
export function photosOf(folder: string): Record<string, Uint8Array<ArrayBuffer>> {
  return Object.fromEntries(IDS[folder].map((id) => [photoName(folder, id), fakeJpeg(4_000 + id, id)]));
}

/** A COCO caption file. Its URLs lead astray, as those of old files do. */
export function captionsJson(folder: string): string {
  return JSON.stringify({
    info: { description: "for tests" },
    images: IDS[folder].map((id) => ({
      id,
      file_name: photoName(folder, id),
      coco_url: `http://127.0.0.1:9/never/${id}.jpg`,
      flickr_url: `http://127.0.0.1:9/never/${id}.jpg`,
      height: 64,
      width: 64,
    })),
    annotations: IDS[folder].flatMap((id) =>
      [0, 1, 2, 3, 4].map((k) => ({
        id: 10 * id + k,
        image_id: id,
        caption: `A photo of thing ${id}, told ${k}.`,
      }))
    ),
    licenses: [],
  });
}

const encode = (text: string) => new TextEncoder().encode(text);
const deflated = (name: string, text: string): ZipEntry => ({ name, data: encode(text), deflate: true });

/** The Karpathy file: a photo of each folder is held out. */
export function karpathyJson(): string {
  const images = ["train2014", "val2014"].flatMap((folder) =>
    IDS[folder].map((cocoid, i) => ({
      filepath: folder,
      filename: photoName(folder, cocoid),
      cocoid,
      imgid: i,
      split: folder === "train2014" ? "train" : ["test", "val", "restval", "restval"][i],
      sentids: [10 * cocoid],
      sentences: [{
        raw: `A thing ${cocoid}.`,
        tokens: ["a", "thing", String(cocoid)],
        imgid: i,
        sentid: 10 * cocoid,
      }],
    }))
  );
  return JSON.stringify({ dataset: "coco", images });
}

/** Flickr8k's photos by name. */
export const FLICKR_PHOTOS = Object.fromEntries(
  ["1_a.jpg", "2_b.jpg", "3_c.jpg", "4_d.jpg"].map((name, i) => [name, fakeJpeg(3_000, 500 + i)]),
);

/** Everything that the hosts of all datasets would serve, by path. */
export function cocoFiles(): HostFiles {
  const files: HostFiles = {};
  for (const year of ["2014", "2017"]) {
    const annotations = ["train", "val"].flatMap((split) => [
      deflated(`annotations/captions_${split}${year}.json`, captionsJson(`${split}${year}`)),
      deflated(`annotations/instances_${split}${year}.json`, "{}"),
    ]);
    files[`/annotations/annotations_trainval${year}.zip`] = zipOf(annotations);
  }
  for (const folder of Object.keys(IDS)) {
    const photos = photosOf(folder);
    for (const [name, data] of Object.entries(photos)) files[`/${folder}/${name}`] = data;
    const entries = Object.entries(photos).map(([name, data]) => ({ name: `${folder}/${name}`, data }));
    files[`/zips/${folder}.zip`] = zipOf(entries);
  }
  files["/people/karpathy/deepimagesent/caption_datasets.zip"] = zipOf([
    deflated("dataset_coco.json", karpathyJson()),
    deflated("dataset_flickr8k.json", "{}"),
    deflated("dataset_flickr30k.json", "{}"),
  ]);
  const names = Object.keys(FLICKR_PHOTOS);
  files["/jbrownlee/Datasets/releases/download/Flickr8k/Flickr8k_text.zip"] = zipOf([
    deflated("Flickr8k.token.txt", names.map((name) => `${name}#0\tA thing in ${name} .\n`).join("")),
    deflated("Flickr_8k.trainImages.txt", `${names[0]}\n${names[1]}\n`),
    deflated("Flickr_8k.devImages.txt", `${names[2]}\n`),
    deflated("Flickr_8k.testImages.txt", `${names[3]}\n`),
    deflated("readme.txt", "not kept"),
    deflated("__MACOSX/._Flickr8k.token.txt", "not this one"),
  ]);
  files["/jbrownlee/Datasets/releases/download/Flickr8k/Flickr8k_Dataset.zip"] = zipOf(
    Object.entries(FLICKR_PHOTOS).map(([name, data]) => ({ name: `Flicker8k_Dataset/${name}`, data })),
  );
  return files;
}
