/**
 * Step 1: download photos and their captions.
 *
 * COCO (Lin et al., 2014; Chen et al., 2015) is the collection that captioners are compared on: 123,287 photos of everyday
 * scenes from Flickr, each described by five people or more. Its captions come as one archive, its photos one by one.
 *
 *     deno task download --count 500
 *     deno run --allow-net --allow-read --allow-write scripts/1_download.ts --count 500
 *
 * Reads  http://images.cocodataset.org (or --mirror).
 * Writes data/annotations/captions_*.json, data/img/*.jpg and data/download-report.json, or data/weights/NAME.
 * Takes  the time of 253 MB of captions and 0.16 MB a photo on your line: about 2 minutes at 5 MB/s for 500 photos.
 *
 * Whatever stops it (Ctrl-C, a cut line, a power failure): the same command again goes on where it was.
 * --allow-net names no host and the others no folder because --mirror and --data may be any. The task adds
 * --allow-sys=statfs, to know the disk's room, and --allow-env=IMAGESCRIPT_WASM_SIMD, to decode CMYK photos.
 */
import { DATASETS } from "../lib/data/coco_sources.ts";
import { WEIGHT_NAMES } from "../lib/data/weight_sources.ts";
import { type CommandDescription, type Options, parseOptions } from "../lib/deno/cli.ts";
import * as download from "../lib/deno/download.ts";
import { type CountedJob, type OnChosen, reportedDownload } from "../lib/deno/download_account.ts";
import { checkJob, type DownloadJob, partBytes } from "../lib/deno/download_archive.ts";
import { choosePhotos, listPhotos, missingPhotos } from "../lib/deno/download_list.ts";
import * as plan from "../lib/deno/download_plan.ts";
import { describeReport } from "../lib/deno/download_report.ts";
import { downloadWeights } from "../lib/deno/download_weights.ts";
import { openPicturePool } from "../lib/deno/picture_pool.ts";
import { Interrupted, runScript } from "../lib/deno/run_script.ts";
import { ensureWritable } from "../lib/deno/write_file.ts";
import { DEFAULT_PREPROCESSING } from "../lib/image/preprocess.ts";

const OPTIONS = {
  dataset: {
    default: "coco2014",
    choices: ["coco2014", "coco2017", "flickr8k", "karpathy"],
    description: "which photos and captions; karpathy is coco2014 in the split of published results",
  },
  split: {
    default: ["train", "val"],
    choices: ["train", "val", "test"],
    list: true,
    description: "which parts",
  },
  count: {
    default: 500,
    choices: ["all"],
    description: "photos, of all parts together; 0 for captions alone",
  },
  seed: { default: 1, description: "which photos are chosen; a larger --count keeps those of a smaller one" },
  photos: {
    default: "auto",
    choices: ["auto", "single", "zip"],
    description: "one by one, or the published zip; auto takes the cheaper",
  },
  decode: { default: "yes", choices: ["yes", "no"], description: "decode each photo before keeping it" },
  concurrency: { default: 8, min: 1, max: 32, description: "connections at a time" },
  mirror: { placeholder: "URL", description: "takes the place of http://images.cocodataset.org, same paths" },
  weights: {
    choices: WEIGHT_NAMES,
    placeholder: "NAME",
    description: "an encoder's ImageNet weights alone, for `train --weights NAME`",
  },
  checksum: {
    placeholder: "SHA256|skip",
    description: "hash of the captions' archive or weights, in place of the published one; skip trusts any",
  },
  data: { default: "data", placeholder: "DIR", description: "folder of all that is downloaded" },
  json: { default: false, description: "print the report as JSON" },
} as const;

const ABOUT: CommandDescription = {
  purpose: "Downloads photos and their captions.",
  command: "deno task download",
  examples: [
    "deno task download --count 500",
    "deno task download --dataset karpathy --split train,val,test --count all",
    "deno task download --weights resnet50.tv_in1k",
    "deno task download --split val --count 100 --data /tmp/coco",
  ],
};

async function main(): Promise<number> {
  // 1. What is asked for.
  const options = parseOptions(Deno.args, OPTIONS, ABOUT);
  const { dataset, split: splits, count, seed, data } = options;
  const pool = openPicturePool(); // starts workers when the first photo is decoded
  const load = (path: string) => pool.load(path, DEFAULT_PREPROCESSING);
  const decode = options.decode === "yes" ? load : undefined;
  const stop = new AbortController();
  const job: CountedJob = { ...options, splits, decode, signal: stop.signal };
  checkJob(job);
  Deno.addSignalListener("SIGINT", () => {
    stop.abort(new Interrupted(`Stopped. What is in ${data} is whole; run the same command again to go on.`));
  });
  if (options.weights) {
    const found = await downloadWeights(options.weights, job);
    console.log(options.json ? JSON.stringify(found) : found.path);
    return 0;
  }
  console.error(`${dataset} ${splits.join(", ")}, photos: ${count}, seed ${seed}, into ${data}`);
  await ensureWritable(data);

  // 2. All of it; and what came of it, even where it ends early. What failed is tried again by the next run.
  const report = await reportedDownload(job, (job, onChosen) => fetchAll(job, options, onChosen));
  pool.close();
  console.log(options.json ? JSON.stringify(report) : describeReport(report, job).join("\n"));
  return report.failed.length > 0 ? 1 : 0;
}

async function fetchAll(job: DownloadJob, options: Options<typeof OPTIONS>, onChosen: OnChosen) {
  const { dataset, splits, data, mirror, checksum } = job;
  const { count, seed, photos: way, concurrency } = options;

  // 3. What it costs, before anything is transferred.
  const planOptions = { way, partBytes: (folder: string) => partBytes(job, folder) };
  if ((await download.missingFiles(job)).length > 0) {
    const captions = plan.captionsCost(dataset);
    const photos = plan.expectedCost(DATASETS[dataset].photos, splits, { ...planOptions, count });
    const all = plan.sumCosts([captions, photos]);
    console.error(`captions and photos: ${await plan.describeCost(all, { dir: data, concurrency })}`);
    // A mirror may hold fewer photos, and captions of another size.
    if (mirror === undefined || !checksum) await plan.ensureRoom(mirror === undefined ? all : captions, data);
  }

  // 4. The captions: one zip, unpacked into annotations. They say which photos there are.
  await download.downloadCaptions(job);

  // 5. Which photos: some of all, drawn by seed, so that the same command means the same photos; less those on disk.
  const listed = await listPhotos(dataset, { annotations: download.annotationsFolder(job), splits });
  const wanted = choosePhotos(listed, count, seed);
  const missing = missingPhotos(wanted, download.photosFolder(job));
  onChosen(wanted, missing);
  const folders = plan.planPhotos(missing, planOptions);
  const cost = plan.sumCosts(folders.map((folder) => folder.cost));
  if (missing.length > 0) {
    const about = await plan.describeCost(cost, { dir: data, concurrency });
    console.error(`${missing.length} of ${wanted.length} photos are missing: ${about}`);
    await plan.ensureRoom(cost, data);
  }

  // 6. The photos, a few at a time, into img: each gets its name when it is whole.
  return await download.downloadPhotos(job, folders);
}

if (import.meta.main) await runScript(main);
