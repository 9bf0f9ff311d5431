// This module runs in Deno only.
/** The built-in picture world as files: JPEGs, captions in COCO's format, and the scenes behind the pictures. */

import { ensureDir } from "@std/fs/ensure-dir";
import type { Scene } from "../data/shapes.ts";
import {
  cocoCaptions,
  countUnseen,
  SPLITS,
  worldFingerprint,
  worldOf,
  type WorldOptions,
  type WorldPicture,
  worldPictures,
} from "../data/shapes_world.ts";
import { JobPool } from "./job_pool.ts";
import type { ShapesAnswer, ShapesJob } from "./shapes_worker.ts";
import { ensureWritable, removeIfThere, writeFileAtomic } from "./write_file.ts";

/** Options of {@linkcode writeWorld}. */
export interface WriteWorldOptions extends WorldOptions {
  /** Called while pictures are written. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** What {@linkcode writeWorld} did. */
export interface WorldReport {
  /** Pictures of the world, and how many of them were not there yet. */
  readonly pictures: number;
  readonly made: number;
  /** Pictures of the test split, and how many of them show what no training picture shows. */
  readonly test: number;
  readonly unseen: number;
}

const QUALITY = 92;
/** Pictures a worker makes in one go. */
const CHUNK = 48;
const WORKER = new URL("./shapes_worker.ts", import.meta.url);

/**
 * Makes a world in a folder: `img/`, `annotations/captions_{train,val,test}.json`, `scenes.json`, and last of all
 * `world.json`, which says what it is. What is there already is kept when it is of the same world: pictures left
 * by a run that was stopped, too.
 *
 * @throws {RangeError} If a split's size is out of range.
 * @throws {Error} If the folder cannot be written.
 */
export async function writeWorld(dir: string, options: WriteWorldOptions = {}): Promise<WorldReport> {
  const world = worldOf(options);
  const splits = SPLITS.map((split) => [...worldPictures(world, split)]);
  const pictures = splits.flat();
  const manifest = JSON.stringify({ ...world, quality: QUALITY, fingerprint: worldFingerprint(world) }) +
    "\n";
  const done = `${dir}/world.json`;
  const begun = `${dir}/world.json.part`;
  await ensureWritable(dir);
  await ensureDir(`${dir}/img`);

  const same = await readIfThere(done) === manifest;
  if (!same) {
    if (await readIfThere(begun) !== manifest) await removePictures(`${dir}/img`);
    await removeIfThere(done);
    await Deno.writeTextFile(begun, manifest);
  }
  const there = await listNames(`${dir}/img`);
  const missing = pictures.filter(({ fileName }) => !there.has(fileName));
  await drawPictures(missing, dir, world, options.onProgress);
  if (!same) {
    for (const [i, split] of SPLITS.entries()) {
      const captions = JSON.stringify(cocoCaptions(splits[i], world));
      await writeFileAtomic(`${dir}/annotations/captions_${split}.json`, captions);
    }
    await writeFileAtomic(`${dir}/scenes.json`, scenesText(pictures));
    await Deno.rename(begun, done);
  }
  const [train, , test] = splits;
  return {
    pictures: pictures.length,
    made: missing.length,
    test: test.length,
    unseen: countUnseen(test, train),
  };
}

/**
 * The scenes behind a world's pictures, by image id.
 *
 * @throws {Error} If the folder holds no world.
 */
export async function readScenes(dir: string): Promise<ReadonlyMap<number, Scene>> {
  const text = await readIfThere(`${dir}/scenes.json`);
  if (text === undefined) {
    throw new Error(
      `Cannot read ${dir}/scenes.json: not found, run \`deno task demo\` to make the picture world`,
    );
  }
  const scenes = JSON.parse(text) as Record<string, Scene>; // written by writeWorld
  return new Map(Object.entries(scenes).map(([id, scene]) => [Number(id), scene]));
}

/** One scene a line, so that the file can be looked through. */
function scenesText(pictures: readonly WorldPicture[]): string {
  return `{\n${pictures.map(({ id, scene }) => `"${id}":${JSON.stringify(scene)}`).join(",\n")}\n}\n`;
}

async function drawPictures(
  pictures: readonly WorldPicture[],
  dir: string,
  { seed, size }: Required<WorldOptions>,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<void> {
  if (pictures.length === 0) return;
  const pool = new JobPool<ShapesJob, ShapesAnswer>(WORKER, navigator.hardwareConcurrency);
  let done = 0;
  try {
    const chunks = Array.from(
      { length: Math.ceil(pictures.length / CHUNK) },
      (_, i) => pictures.slice(i * CHUNK, (i + 1) * CHUNK),
    );
    await Promise.all(chunks.map(async (chunk) => {
      const jobs = chunk.map(({ id, fileName }) => (
        { index: id, path: `${dir}/img/${fileName}` }
      ));
      const { error } = await pool.run({ seed, size, quality: QUALITY, pictures: jobs });
      if (error) throw new Error(`Cannot make the pictures of ${dir}/img: ${error}`);
      onProgress(done += chunk.length, pictures.length);
    }));
  } finally {
    pool.close();
  }
}

/** Removes pictures of an earlier world, whole or half-written, and nothing else. */
async function removePictures(dir: string): Promise<void> {
  for (const name of await listNames(dir)) {
    if (/^shapes_\d+\.jpg(\.tmp|\.part)?$/.test(name)) await Deno.remove(`${dir}/${name}`);
  }
}

async function listNames(dir: string): Promise<Set<string>> {
  const names = new Set<string>();
  for await (const { name } of Deno.readDir(dir)) names.add(name);
  return names;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
