// This module runs in Deno only.
/**
 * How fast the downloader is against a host on loopback, in a process of its own.
 *
 *     deno run --allow-net=127.0.0.1 --allow-read --allow-write --allow-run --allow-env tests/download_bench.ts
 *
 * Prints files a second and memory for 2,000 files of 100 kB; the time to unpack archives of 200 MB beside `unzip`; and
 * the whole way of scripts/1_download.ts with the fixtures' photographs, where they are.
 */
import { fetchPhotos } from "../lib/deno/download_photos.ts";
import { unzip } from "../lib/deno/unzip.ts";
import { Random } from "../lib/random.ts";
import { CocoHost, fakeJpeg, type HostFiles } from "./coco_host.ts";
import { FIXTURES, lacksFixture } from "./fixtures.ts";
import { zipOf } from "./zip_of.ts";

const FILES = 2_000;
const ZIP_BYTES = 200e6;

if (import.meta.main) {
  const [role, ...args] = Deno.args;
  if (role === "host") await serve(args[0]);
  else if (role === "unzip") await unpackAndTell(args[0], args[1]);
  else await bench();
}

async function bench(): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "showtell-bench-" });
  try {
    await benchPhotos(`${dir}/img`);
    await benchUnzip(dir);
    if (!lacksFixture("data/coco/photos")) await benchScript(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function benchPhotos(dir: string): Promise<void> {
  await using host = await startHost("photos");
  const photos = Array.from({ length: FILES }, (_, i) => {
    const fileName = `${i}.jpg`;
    return { fileName, publishedName: fileName, folder: "val2014", url: `${host.url}/${i}.jpg` };
  });
  const memory: number[] = [];
  const start = performance.now();
  const { fetched } = await fetchPhotos(photos, dir, {
    concurrency: 8,
    onPhoto: (done) => done % (FILES / 10) === 0 && memory.push(Math.round(Deno.memoryUsage().rss / 1e6)),
  });
  const seconds = (performance.now() - start) / 1000;
  console.log(`${fetched} files of 100 kB, 8 connections: ${Math.round(fetched / seconds)} files/s`);
  console.log(`  memory in MB at each tenth: ${memory.join(" ")}`);
}

async function benchUnzip(dir: string): Promise<void> {
  const kinds = { "photos of 160 kB, stored": 160_000, "files of 20 MB, deflated": 20_000_000 };
  for (const [kind, bytes] of Object.entries(kinds)) {
    const path = `${dir}/${bytes}.zip`;
    const random = new Random(bytes);
    const data = Uint8Array.from({ length: bytes }, () => 32 + random.integer(64)); // deflate leaves three quarters
    const deflate = bytes > 1e6;
    const count = Math.ceil(ZIP_BYTES / bytes / (deflate ? 0.76 : 1));
    const entries = Array.from({ length: count }, (_, i) => ({ name: `a/${i}.bin`, data, deflate }));
    await Deno.writeFile(path, zipOf(entries));
    const ours: number[] = [];
    const theirs: number[] = [];
    let peak = "";
    for (let i = 0; i < 3; i++) {
      theirs.push(await timed(["unzip", "-q", path, "-d", `${dir}/theirs`]));
      await Deno.remove(`${dir}/theirs`, { recursive: true });
      const { stdout } = await deno("unzip", path, `${dir}/ours`).output();
      const [seconds, megabytes] = new TextDecoder().decode(stdout).trim().split(" ");
      ours.push(Number(seconds));
      peak = megabytes;
      await Deno.remove(`${dir}/ours`, { recursive: true });
    }
    const [mine, other] = [Math.min(...ours), Math.min(...theirs)];
    const size = Math.round(Deno.statSync(path).size / 1e6);
    console.log(
      `unpack ${size} MB (${kind}): ${mine.toFixed(2)} s, unzip ${other.toFixed(2)} s, ` +
        `${(mine / other).toFixed(2)} times; memory at most ${peak} MB`,
    );
  }
}

async function unpackAndTell(path: string, into: string): Promise<void> {
  const start = performance.now();
  let peak = 0;
  await unzip(path, into, { onProgress: () => peak = Math.max(peak, Deno.memoryUsage().rss) });
  console.log(((performance.now() - start) / 1000).toFixed(3), Math.round(peak / 1e6));
}

async function benchScript(dir: string): Promise<void> {
  await using host = await startHost("coco");
  for (const count of ["1000", "all"]) {
    const args = [
      "--mirror",
      host.url,
      "--checksum",
      "skip",
      "--data",
      `${dir}/data`,
      "--count",
      count,
      "--json",
    ];
    const script = ["run", "--allow-net", "--allow-read", "--allow-write", "scripts/1_download.ts", ...args];
    const start = performance.now();
    const { stdout } = await new Deno.Command(Deno.execPath(), { args: script, stderr: "inherit" }).output();
    const { photos, receivedBytes } = JSON.parse(new TextDecoder().decode(stdout));
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`scripts/1_download.ts --count ${count}: ${seconds} s, ${receivedBytes} bytes,`, photos);
  }
}

/** Serves until the process is ended. */
async function serve(what: string): Promise<void> {
  const host = new CocoHost(what === "coco" ? await fixtureFiles() : photoFiles());
  console.log(host.url);
}

function photoFiles(): HostFiles {
  const photo = fakeJpeg(100_000, 1);
  return Object.fromEntries(Array.from({ length: FILES }, (_, i) => [`/${i}.jpg`, photo]));
}

/** COCO 2014 as far as the fixtures go: all captions of val2014, and 169 photographs. */
async function fixtureFiles(): Promise<HostFiles> {
  const folder = `${FIXTURES}/data/coco`;
  const packed = await Deno.open(`${folder}/captions_val2014_reconstructed.json.gz`);
  const val = await new Response(packed.readable.pipeThrough(new DecompressionStream("gzip"))).bytes();
  const { images, annotations, ...rest } = JSON.parse(
    await Deno.readTextFile(`${folder}/captions_photos.json`),
  );
  const files: HostFiles = {};
  const train: { id: number; file_name: string }[] = [];
  for (const image of images) {
    const name: string = image.coco2014_file_name;
    const split = name.includes("train2014") ? "train2014" : "val2014";
    files[`/${split}/${name}`] = await Deno.readFile(`${folder}/photos/${image.file_name}`);
    if (split === "train2014") train.push({ ...image, file_name: name });
  }
  const ids = new Set(train.map(({ id }) => id));
  const inTrain = annotations.filter((annotation: { image_id: number }) => ids.has(annotation.image_id));
  const trainJson = JSON.stringify({ ...rest, images: train, annotations: inTrain });
  files["/annotations/annotations_trainval2014.zip"] = zipOf([
    { name: "annotations/captions_train2014.json", data: new TextEncoder().encode(trainJson), deflate: true },
    { name: "annotations/captions_val2014.json", data: val, deflate: true },
  ]);
  return files;
}

async function startHost(what: string): Promise<AsyncDisposable & { url: string }> {
  const child = deno("host", what).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  return {
    url: new TextDecoder().decode(value).trim(),
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await reader.cancel();
      await child.status;
    },
  };
}

function deno(...args: string[]): Deno.Command {
  const permissions = ["--allow-net=127.0.0.1", "--allow-read", "--allow-write", "--allow-env"];
  return new Deno.Command(Deno.execPath(), {
    args: ["run", ...permissions, import.meta.filename!, ...args],
    stdout: "piped",
    stderr: "inherit",
  });
}

/** Seconds a command takes. */
async function timed([command, ...args]: string[]): Promise<number> {
  const start = performance.now();
  const { success } = await new Deno.Command(command, { args }).output();
  if (!success) throw new Error(`Cannot time ${command}: it failed, is it installed?`);
  return (performance.now() - start) / 1000;
}
