// This module is browser compatible.
/** Which files of a folder are captions, and which of them belong together. */

import type { SplitName } from "./captions.ts";

/** Caption files that make one dataset. */
export interface CaptionFileGroup {
  /** "karpathy", "coco2014", "coco2017", "flickr8k", "own" … */
  readonly dataset: string;
  /** Names by what they are for; "all" where one file holds everything. */
  readonly files: Readonly<Partial<Record<SplitName | "all", string>>>;
  /** Files that list the pictures of a split, one a line (Flickr8k). */
  readonly lists: Readonly<Partial<Record<SplitName, string>>>;
}

/** Preferred first: Karpathy's file holds the same pictures as coco2014, with the published split. */
const PREFERENCE = ["karpathy", "coco2014", "coco2017", "flickr8k"];

/**
 * Finds the caption files among a folder's names: `captions_train2014.json` and the like, `dataset_coco.json`
 * (Karpathy), `Flickr8k.token.txt`, and `captions.csv`, `.json`, `.txt`. Each may end in `.gz`.
 *
 * @returns Groups, the one to take by default first.
 */
export function groupCaptionFiles(names: Iterable<string>): CaptionFileGroup[] {
  const groups = new Map<string, { files: Record<string, string>; lists: Record<string, string> }>();
  const group = (dataset: string) => {
    let found = groups.get(dataset);
    if (!found) groups.set(dataset, found = { files: {}, lists: {} });
    return found;
  };
  for (const name of [...names].sort()) {
    const [, split, year] = /^captions_(train|val|test)(\d*)\.json(?:\.gz)?$/.exec(name) ?? [];
    const [, karpathy] = /^dataset_(\w+)\.json(?:\.gz)?$/.exec(name) ?? [];
    const [, flickr] = /^Flickr_8k\.(train|dev|test)Images\.txt$/.exec(name) ?? [];
    if (split) group(`coco${year}`).files[split] ??= name;
    else if (karpathy) group(karpathy === "coco" ? "karpathy" : `karpathy-${karpathy}`).files.all ??= name;
    else if (flickr) group("flickr8k").lists[flickr === "dev" ? "val" : flickr] = name;
    else if (/^Flickr8k\.token\.txt(\.gz)?$/.test(name)) group("flickr8k").files.all ??= name;
    else if (/^captions\.(csv|tsv|json|txt)(\.gz)?$/.test(name)) group("own").files.all ??= name;
  }
  const rank = (dataset: string) =>
    (PREFERENCE.indexOf(dataset) + PREFERENCE.length + 1) % (PREFERENCE.length + 1);
  return [...groups]
    .filter(([, { files }]) => Object.keys(files).length > 0)
    .map(([dataset, found]) => ({ dataset, ...found }))
    .sort((a, b) => rank(a.dataset) - rank(b.dataset));
}
