// This module runs in Deno only.
/** How fast pictures come: decoded and resized by workers, and read from packed shards. */

import { rounded, threadsSuffix } from "../bench/results.ts";
import type { BenchResult, Report } from "../bench/results.ts";
import { BatchLoader } from "../data/batches.ts";
import { TokenTable } from "../data/token_table.ts";
import { DEFAULT_PREPROCESSING, preprocess } from "../image/preprocess.ts";
import { decodeFile } from "./decode.ts";
import { encodeJpeg } from "./encode.ts";
import { openPicturePool } from "./picture_pool.ts";
import { openShards, type PictureFile, prepareShards, type Shards } from "./shards.ts";

/** Names of what is measured here. */
export const LOADER_NAMES = [
  "loader: decode and resize 640x480",
  "loader: batches from shards in memory",
  "loader: batches from shards on disk",
] as const;

const [DECODE, MEMORY, DISK] = LOADER_NAMES;
/** Pictures, copies of a few different ones. */
const [PICTURES, DIFFERENT] = [768, 8];
const BATCH = 16;
const MEASURED_MS = 300;

/** Measures the loader with each number of workers, in a temporary folder. */
export async function benchLoader(threads: readonly number[]): Promise<Report> {
  const dir = await Deno.makeTempDir({ prefix: "showtell-bench-" });
  try {
    const pictures = await writePictures(dir);
    const results: BenchResult[] = [];
    const failures: string[] = [];
    const add = (name: string, value: number) =>
      results.push({
        name,
        device: "cpu",
        value: rounded(value),
        unit: "pictures/s",
        higherIsBetter: true,
        peer: null,
      });
    for (const count of threads) {
      add(DECODE + threadsSuffix(count), await decodingRate(`${dir}/shards${count}`, pictures, count));
    }
    const shardDir = `${dir}/shards${threads[0]}`;
    for (const [name, memoryBytes] of [[MEMORY, undefined], [DISK, 0]] as const) {
      using shards = await openShards(shardDir, { memoryBytes });
      const problem = await checkShards(shards, pictures);
      if (problem) failures.push(`${name}: ${problem}`);
      else add(name, batchRate(shards));
    }
    const lines = results.map(({ name, value, unit }) => `${name.padEnd(46)} ${value} ${unit}`);
    return { lines: [...lines, ...failures.map((text) => `FAILED ${text}`)], results, failures };
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** Soft shapes under a little noise: JPEGs of about the size of photographs. */
async function writePictures(dir: string): Promise<PictureFile[]> {
  const [width, height] = [640, 480];
  const files: PictureFile[] = [];
  const jpegs: Uint8Array[] = [];
  for (let number = 0; number < DIFFERENT; number++) {
    const data = new Uint8Array(width * height * 3);
    for (let i = 0; i < data.length; i++) {
      const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
      const wave = Math.sin((x + 40 * number) / (20 + 9 * (i % 3))) * Math.cos(y / (15 + 4 * number));
      data[i] = 128 + 90 * wave + (i * 7919 + number) % 23;
    }
    jpegs.push(await encodeJpeg({ width, height, data }));
  }
  for (let i = 0; i < PICTURES; i++) {
    const name = `${i}.jpg`;
    const bytes = jpegs[i % DIFFERENT];
    await Deno.writeFile(`${dir}/${name}`, bytes);
    files.push({ name, path: `${dir}/${name}`, bytes: bytes.length, modified: 0 });
  }
  return files;
}

/** Pictures a second, from files to a packed shard. The workers are up before. */
async function decodingRate(dir: string, pictures: readonly PictureFile[], threads: number): Promise<number> {
  const pool = openPicturePool({ threads });
  try {
    const preprocessing = DEFAULT_PREPROCESSING;
    await Promise.all(
      Array.from({ length: 4 * threads }, () => pool.load(pictures[0].path, preprocessing)),
    );
    const start = performance.now();
    await prepareShards(dir, pictures, { preprocessing, pool });
    return pictures.length / (performance.now() - start) * 1000;
  } finally {
    pool.close();
  }
}

/** Compares a few records with the pictures decoded here. Returns what is wrong, or nothing. */
async function checkShards(shards: Shards, pictures: readonly PictureFile[]): Promise<string | undefined> {
  for (const { name, path } of pictures.slice(0, 3)) {
    const record = shards.find(name);
    const right = preprocess(await decodeFile(path), DEFAULT_PREPROCESSING);
    if (record === undefined) return `${name} is not in the shard`;
    const got = shards.pixels([record]);
    const wrong = right.findIndex((value, i) => value !== got[i]);
    if (wrong >= 0) return `byte ${wrong} of ${name} is ${got[wrong]}, ${right[wrong]} is right`;
  }
}

/** Pictures a second in batches as training takes them, shuffled. */
function batchRate(shards: Shards): number {
  const ids = 12;
  const tokens = new TokenTable(
    new Uint32Array(PICTURES * ids).fill(4),
    Uint32Array.from({ length: PICTURES + 1 }, (_, i) => i * ids),
    Uint32Array.from({ length: PICTURES + 1 }, (_, i) => i),
  );
  const imageIds = Array.from({ length: PICTURES }, (_, i) => i);
  const source = {
    imageIds,
    tokens,
    size: shards.size,
    pixels: (images: ArrayLike<number>, out?: Uint8Array) => shards.pixels(images, out),
  };
  const loader = new BatchLoader(source, { batchSize: BATCH });
  const start = performance.now();
  let pictures = 0;
  for (const batch of loader.from()) {
    pictures += batch.lengths.length;
    const ms = performance.now() - start;
    if (ms > MEASURED_MS) return pictures / ms * 1000;
  }
  throw new Error("Cannot measure the loader: it ended, it should go on without end");
}
