// This module is browser compatible.
/**
 * Where the datasets are published: URLs, sizes and hashes, as data.
 *
 * Sizes and SHA-256 of the COCO and Karpathy archives: TensorFlow Datasets, `url_checksums/coco.txt` and
 * `coco_captions.txt`. MD5 of Flickr8k: the R package torchvision.
 */

import type { SplitName } from "./captions.ts";

/** A zip archive to be downloaded. */
export interface Archive {
  readonly url: string;
  /** Bytes, as published. Where nobody published them, {@linkcode Archive.aboutBytes} is all there is. */
  readonly sizeBytes?: number;
  /** Bytes, roughly: for estimates only. */
  readonly aboutBytes: number;
  /** In lower-case hexadecimal. */
  readonly sha256?: string;
  readonly md5?: string;
}

/** Photos that are published together: as one zip, and, except Flickr8k's, one by one. */
export interface PhotoFolder {
  readonly zip: Archive;
  /** How many photos the zip holds. */
  readonly photos: number;
  /** Whether each has a URL of its own, see {@linkcode photoUrl}. */
  readonly single: boolean;
}

/** Names of {@linkcode DATASETS}. */
export type DatasetName = "coco2014" | "coco2017" | "flickr8k" | "karpathy";

/** Captions, and the folders of the photos they belong to. */
export interface DatasetSource {
  readonly annotations: Archive;
  /**
   * Files of the archive that are kept, by their base names, with the splits that need them. The archive's other files
   * (boxes, key points) are not about captions.
   */
  readonly files: Readonly<Record<string, readonly SplitName[]>>;
  /** How many captioned photos of each split are in which of the {@linkcode PHOTO_FOLDERS}. */
  readonly photos: Readonly<Partial<Record<SplitName, Readonly<Record<string, number>>>>>;
}

const COCO = "http://images.cocodataset.org";
const FLICKR8K = "https://github.com/jbrownlee/Datasets/releases/download/Flickr8k";

/** The photo folders by name. */
export const PHOTO_FOLDERS: Readonly<Record<string, PhotoFolder>> = {
  train2014: {
    zip: zip(`${COCO}/zips/train2014.zip`, 13_510_573_713, {
      sha256: "ede4087e640bddba550e090eae701092534b554b42b05ac33f0300b984b31775",
    }),
    photos: 82_783,
    single: true,
  },
  val2014: {
    zip: zip(`${COCO}/zips/val2014.zip`, 6_645_013_297, {
      sha256: "fe9be816052049c34717e077d9e34aa60814a55679f804cd043e3cbee3b9fde0",
    }),
    photos: 40_504,
    single: true,
  },
  train2017: {
    zip: zip(`${COCO}/zips/train2017.zip`, 19_336_861_798, {
      sha256: "69a8bb58ea5f8f99d24875f21416de2e9ded3178e903f1f7603e283b9e06d929",
    }),
    photos: 118_287,
    single: true,
  },
  val2017: {
    zip: zip(`${COCO}/zips/val2017.zip`, 815_585_330, {
      sha256: "4f7e2ccb2866ec5041993c9cf2a952bbed69647b115d0f74da7ce8f4bef82f05",
    }),
    photos: 5_000,
    single: true,
  },
  flickr8k: {
    zip: {
      url: `${FLICKR8K}/Flickr8k_Dataset.zip`,
      aboutBytes: 1_100_000_000,
      md5: "f18a1e2920de5bd84dae7cf08ec78978",
    },
    photos: 8_091,
    single: false,
  },
};

/** The datasets by name. */
export const DATASETS: Readonly<Record<DatasetName, DatasetSource>> = {
  coco2014: {
    annotations: zip(`${COCO}/annotations/annotations_trainval2014.zip`, 252_872_794, {
      sha256: "031296bbc80c45a1d1f76bf9a90ead27e94e99ec629208449507a4917a3bf009",
    }),
    files: { "captions_train2014.json": ["train"], "captions_val2014.json": ["val"] },
    photos: { train: { train2014: 82_783 }, val: { val2014: 40_504 } },
  },
  coco2017: {
    annotations: zip(`${COCO}/annotations/annotations_trainval2017.zip`, 252_907_541, {
      sha256: "113a836d90195ee1f884e704da6304dfaaecff1f023f49b6ca93c4aaae470268",
    }),
    files: { "captions_train2017.json": ["train"], "captions_val2017.json": ["val"] },
    photos: { train: { train2017: 118_287 }, val: { val2017: 5_000 } },
  },
  karpathy: {
    annotations: zip(
      "https://cs.stanford.edu/people/karpathy/deepimagesent/caption_datasets.zip",
      36_745_453,
      {
        sha256: "4cfd70132527b80933105e5829dc9034eaab9573482e2e680abbab6130244817",
      },
    ),
    files: {
      "dataset_coco.json": ["train", "val", "test"],
      "dataset_flickr8k.json": [], // kept for who has those photos
      "dataset_flickr30k.json": [],
    },
    photos: {
      train: { train2014: 82_783, val2014: 30_504 }, // with "restval", as everyone trains
      val: { val2014: 5_000 },
      test: { val2014: 5_000 },
    },
  },
  flickr8k: {
    annotations: {
      url: `${FLICKR8K}/Flickr8k_text.zip`,
      aboutBytes: 2_400_000,
      md5: "bf6c1abcb8e4a833b7f922104de18627",
    },
    files: {
      "Flickr8k.token.txt": ["train", "val", "test"],
      "Flickr_8k.trainImages.txt": ["train"],
      "Flickr_8k.devImages.txt": ["val"],
      "Flickr_8k.testImages.txt": ["test"],
    },
    photos: { train: { flickr8k: 6_000 }, val: { flickr8k: 1_000 }, test: { flickr8k: 1_000 } },
  },
};

/**
 * The published name of a COCO photo: 2014 has `COCO_val2014_000000000042.jpg`, 2017 `000000000042.jpg`.
 *
 * @param folder "train2014", "val2014", "train2017" or "val2017".
 */
export function photoName(folder: string, id: number): string {
  const digits = String(id).padStart(12, "0");
  return folder.endsWith("2014") ? `COCO_${folder}_${digits}.jpg` : `${digits}.jpg`;
}

/** The URL of a COCO photo, from the pattern: `coco_url` in caption files may point to hosts long gone. */
export function photoUrl(folder: string, id: number): string {
  return `${COCO}/${folder}/${photoName(folder, id)}`;
}

/**
 * A URL at a mirror: `mirror` takes the place of scheme and host, the path stays.
 *
 * @param mirror e.g. "http://127.0.0.1:8080" or "https://host/folder"; undefined leaves the URL as it is.
 */
export function mirrored(url: string, mirror: string | undefined): string {
  return mirror === undefined ? url : mirror.replace(/\/+$/, "") + new URL(url).pathname;
}

function zip(url: string, sizeBytes: number, hash: Pick<Archive, "sha256">): Archive {
  return { url, sizeBytes, aboutBytes: sizeBytes, ...hash };
}
