// This module runs in Deno only.
/** Where the pictures of a caption file lie on disk. */

import type { CaptionImage, CaptionProblem } from "../data/captions.ts";
import type { PictureFile } from "./shards.ts";

/** Files by the picture's id, and what was odd. */
export interface FoundPictures {
  readonly files: ReadonlyMap<number, PictureFile>;
  /** Captioned pictures that are not there, names of a file that has another, and picture files without captions. */
  readonly problems: readonly CaptionProblem[];
}

const PICTURE = /\.(jpe?g|png|gif|webp|bmp|tiff?)$/i;
const EXAMPLES = 5;

/**
 * Looks for each picture in the folder its caption file names, then under its name in `dir`; where there is no file
 * of that name, for the only one that differs in capitals ("dog.jpg", "DOG.JPG"). A file belongs to one picture.
 *
 * @throws {Deno.errors.NotFound} If `dir` is not a folder.
 */
export async function findPictures(images: readonly CaptionImage[], dir: string): Promise<FoundPictures> {
  const listings = new Map<string, Folder | undefined>();
  const list = async (folder: string) => {
    if (!listings.has(folder)) listings.set(folder, await listFolder(folder ? `${dir}/${folder}` : dir));
    return listings.get(folder);
  };
  if (!await list("")) {
    throw new Deno.errors.NotFound(
      `Cannot find the pictures: ${dir} is not a folder, run \`deno task download\` or name it with --images`,
    );
  }
  const files = new Map<number, PictureFile>();
  const missing: string[] = [];
  const doubles: string[] = [];
  const used = new Set<string>();
  images: for (const image of images) {
    for (const candidate of candidates(image)) {
      const slash = candidate.lastIndexOf("/");
      const folder = candidate.slice(0, Math.max(slash, 0));
      const actual = find(await list(folder), candidate.slice(slash + 1));
      if (actual === undefined) continue;
      const name = folder ? `${folder}/${actual}` : actual;
      if (used.has(name)) {
        // Two pictures of one file might be dealt into training and test.
        doubles.push(image.fileName);
        continue images;
      }
      used.add(name);
      const info = fileInfo(`${dir}/${name}`);
      if (!info) continue;
      const modified = info.mtime?.getTime() ?? 0;
      files.set(image.id, { name, path: `${dir}/${name}`, bytes: info.size, modified });
      break;
    }
    if (!files.has(image.id)) missing.push(image.fileName);
  }
  const spare: string[] = [];
  for (const [folder, names] of listings) {
    for (const name of names?.exact.values() ?? []) {
      const path = folder ? `${folder}/${name}` : name;
      if (PICTURE.test(name) && !used.has(path)) spare.push(path);
    }
  }
  return {
    files,
    problems: [
      problem(`pictures that are not in ${dir}`, missing),
      problem("pictures whose file is another picture's too (left out)", doubles),
      problem(`files in ${dir} without captions`, spare),
    ].filter(({ count }) => count > 0),
  };
}

function* candidates({ folder, fileName }: CaptionImage): Generator<string> {
  if (folder) yield `${folder}/${fileName}`;
  yield fileName;
  if (fileName.includes("/")) yield fileName.slice(fileName.lastIndexOf("/") + 1);
}

/** Names of a folder's files. */
interface Folder {
  /** By the name in NFC: names of one text may be composed differently in a caption file and on a disk. */
  readonly exact: ReadonlyMap<string, string>;
  /** By the name in small letters; undefined where several differ only in capitals. */
  readonly small: ReadonlyMap<string, string | undefined>;
}

function find(folder: Folder | undefined, fileName: string): string | undefined {
  const name = fileName.normalize("NFC");
  return folder?.exact.get(name) ?? folder?.small.get(name.toLowerCase());
}

/** The files of a folder, or undefined where there is no such folder. */
async function listFolder(folder: string): Promise<Folder | undefined> {
  const exact = new Map<string, string>();
  const small = new Map<string, string | undefined>();
  try {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      if (isDirectory) continue;
      const composed = name.normalize("NFC");
      exact.set(composed, name);
      const key = composed.toLowerCase();
      small.set(key, small.has(key) ? undefined : name);
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    throw error;
  }
  return { exact, small };
}

/** What is known of a file; undefined where a link leads nowhere. */
function fileInfo(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path); // 100,000 promises would take seconds
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.FilesystemLoop) {
      return undefined;
    }
    throw error;
  }
}

function problem(what: string, names: readonly string[]): CaptionProblem {
  return { what, count: names.length, examples: names.slice(0, EXAMPLES) };
}
