// This module runs in Deno only.
/** Caption files on disk, whatever their format: told apart by content, gzip and UTF-16 undone. */

import { basename, dirname } from "node:path";
import { type CaptionFileGroup, groupCaptionFiles } from "../data/caption_files.ts";
import { type CaptionSet, mergeCaptionSets, type SplitName } from "../data/captions.ts";
import { parseCaptionFile, parseCaptionJson, parseJson } from "../data/formats.ts";
import { splitByLists } from "../data/karpathy.ts";

/** Options of {@linkcode readCaptions}. */
export interface ReadCaptionsOptions {
  /** Which captions, where a folder holds several sets: "karpathy", "coco2014" … Default: the preferred one. */
  readonly dataset?: string;
}

/** Captions and where they were found. */
export interface FoundCaptions extends CaptionPaths {
  readonly set: CaptionSet;
  /** The files read. */
  readonly paths: readonly string[];
}

/** Caption files that belong together. */
export interface CaptionPaths {
  /** "coco2014", "own" …; for a single file its name. */
  readonly dataset: string;
  /** Names by what they are for: `{ val: "captions_val2014.json", train: "captions_train2014.json" }`. */
  readonly files: CaptionFileGroup["files"];
  /** Lists of the pictures of each split. */
  readonly lists: CaptionFileGroup["lists"];
  /** The folder they lie in. */
  readonly folder: string;
  /** Names of other sets in the same folder. */
  readonly others: readonly string[];
}

/**
 * Which caption files a path stands for: itself, or those of a folder that belong together.
 *
 * @throws {Deno.errors.NotFound} If there is no such path, or no caption file in the folder.
 */
export async function captionPaths(path: string, options: ReadCaptionsOptions = {}): Promise<CaptionPaths> {
  const { dataset } = options;
  if (!(await statOf(path)).isDirectory) {
    const folder = dirname(path);
    const name = basename(path);
    return { dataset: name, files: { all: name }, lists: {}, folder, others: [] };
  }
  const names: string[] = [];
  for await (const entry of Deno.readDir(path)) if (!entry.isDirectory) names.push(entry.name);
  const groups = groupCaptionFiles(names);
  const group = dataset === undefined ? groups[0] : groups.find((found) => found.dataset === dataset);
  if (!group) {
    const found = groups.map((other) => other.dataset).join(", ");
    throw new Deno.errors.NotFound(
      `Cannot find ${dataset ? `captions of ${dataset}` : "captions"} in ${path}: ` +
        (found
          ? `there are only those of ${found}`
          : "it holds no captions.csv, captions.json or captions_*.json") +
        `, ${CAPTIONS_HINT}`,
    );
  }
  const others = groups.filter((other) => other !== group).map((other) => other.dataset);
  return { ...group, folder: path, others };
}

/**
 * Reads all captions of a file, or of a folder's caption files together (`captions_train2014.json` and
 * `captions_val2014.json` as train and val).
 *
 * @throws {Deno.errors.NotFound} If there is no such path, or no caption file in the folder.
 * @throws {SyntaxError} If a file is not captions.
 */
export async function readCaptions(path: string, options: ReadCaptionsOptions = {}): Promise<FoundCaptions> {
  const found = await captionPaths(path, options);
  const paths = Object.values(found.files).map((name) => `${found.folder}/${name}`);
  return { ...found, paths, set: await readGroup(found) };
}

/** Captions, and the JSON they came from. */
export interface RawCaptions {
  readonly set: CaptionSet;
  /** Undefined where the file is not JSON. */
  readonly json: unknown;
}

/**
 * Reads one caption file and keeps the JSON, to show what is in it.
 *
 * @throws {Deno.errors.NotFound} If it is not there.
 * @throws {SyntaxError} If it is not captions.
 */
export async function readCaptionFile(path: string): Promise<RawCaptions> {
  const text = await readText(path);
  const source = path;
  if (!/^\ufeff?\s*[[{]/.test(text)) return { set: parseCaptionFile(text, { source }), json: undefined };
  const json = parseJson(text, { source });
  return { set: parseCaptionJson(json, { source }), json };
}

async function readGroup({ folder, files, lists }: CaptionPaths): Promise<CaptionSet> {
  const parts: { set: CaptionSet; split?: SplitName }[] = [];
  for (const [split, name] of Object.entries(files)) {
    const path = `${folder}/${name}`;
    const set = parseCaptionFile(await readText(path), { source: path });
    parts.push(split === "all" ? { set } : { set, split: split as SplitName }); // the keys of files, by its type
  }
  const set = parts.length === 1 && !parts[0].split ? parts[0].set : mergeCaptionSets(parts);
  const texts: Record<string, string> = {};
  for (const [split, name] of Object.entries(lists)) texts[split] = await readText(`${folder}/${name}`);
  return splitByLists(set, texts);
}

/**
 * The text of a file: gunzipped, from UTF-8, or from UTF-16 with a byte order mark (as spreadsheets save).
 *
 * @param hint What to do when it is not there. Default: that of caption files.
 * @throws {Deno.errors.NotFound} If it is not there.
 * @throws {SyntaxError} If it is no text of these.
 */
export async function readText(path: string, hint?: string): Promise<string> {
  const { isDirectory } = await statOf(path, hint);
  if (isDirectory) {
    throw new Deno.errors.IsADirectory(`Cannot read ${path}: it is a folder, name the file in it`);
  }
  let bytes = await Deno.readFile(path);
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) bytes = await gunzip(bytes, path);
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new SyntaxError(`Cannot read ${path}: it is not UTF-8 text, save it as UTF-8`);
  }
}

async function gunzip(bytes: Uint8Array<ArrayBuffer>, path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch (error) {
    throw new SyntaxError(`Cannot unpack ${path}: it is no whole gzip file (${(error as Error).message})`);
  }
}

const CAPTIONS_HINT = "run `deno task download` first or name a caption file with --annotations";

/** `Deno.stat` with an error that says what to do. */
async function statOf(path: string, hint = CAPTIONS_HINT): Promise<Deno.FileInfo> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) {
      throw new Deno.errors.PermissionDenied(`Cannot read ${path}: permission denied, ${hint}`);
    }
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Deno.errors.NotFound(`Cannot read ${path}: not found, ${hint}`);
  }
}
