/**
 * Step 5: make the data ready for training.
 *
 * A network reads numbers. A caption is split into words, and each word of the vocabulary has a number, its id: a caption
 * becomes a list of ids, between 1 for its start and 2 for its end. The start is what the decoder reads before the first
 * word, the end is what it has to say behind the last. Words that occur less often than --min-count cannot be learned and
 * share 3, "unknown"; 0 pads the shorter captions of a batch. A photo becomes --size × --size pixels of three bytes.
 *
 * Photos are dealt into train (to learn from), val (to see how it goes) and test (to judge at the end). Every one is decoded
 * and resized once and packed into one file, so that training, which sees each photo dozens of times, never decodes.
 * Training does all of this by itself where it is missing; here one sees what comes out. With --features an encoder that
 * will not be trained runs over the photos too, once.
 *
 *     deno task prepare --size 64 --min-count 6
 *     deno task prepare --features --encoder mobilenet_v2 --weights mobilenet_v2-7ebf99e0 --size 224
 *     deno run --allow-read --allow-write=data --allow-env=IMAGESCRIPT_WASM_SIMD,XDG_RUNTIME_DIR scripts/5_prepare.ts
 *
 * Reads data/annotations and data/img. Writes data/shards, data/features and data/vocabulary.json. Takes a minute for 10,000
 * photos; stopped and started again, it goes on where it was.
 */

import { count } from "../lib/data/captions.ts";
import { karpathyWords, PUBLISHED_WORDS } from "../lib/data/karpathy.ts";
import { parseOptions } from "../lib/deno/cli.ts";
import { findData, openFound } from "../lib/deno/dataset_disk.ts";
import { encodePhotos, planEncoder } from "../lib/deno/encode_photos.ts";
import { checkPrepareSizes, PREPARE_ABOUT, PREPARE_OPTIONS } from "../lib/deno/prepare_options.ts";
import { prepareJson, prepareLines } from "../lib/deno/prepare_report.ts";
import { progressBar } from "../lib/deno/progress.ts";
import { runScript } from "../lib/deno/run_script.ts";
import { ensureWritable, writeFileAtomic } from "../lib/deno/write_file.ts";
import { DEFAULT_PREPROCESSING } from "../lib/image/preprocess.ts";

async function main(): Promise<void> {
  const options = parseOptions(Deno.args, PREPARE_OPTIONS, PREPARE_ABOUT);
  checkPrepareSizes(options);
  const { data, size, resize, shortSide } = options;
  await ensureWritable(data);
  const preprocessing = { ...DEFAULT_PREPROCESSING, size, resize, shortSide };
  const encoder = options.features ? await planEncoder(preprocessing, options) : undefined;

  // 1. Captions, and the photos that are on disk.
  const found = await findData(options);
  const { set, images, pictures } = found;
  console.error(`data ${set.report.source}, ${count(pictures.files.size)} photos in ${images}`);
  const words = karpathyWords(set);
  if (words !== undefined) {
    console.error(
      `the whole Karpathy file has ${count(words)} words, published are ${count(PUBLISHED_WORDS)}`,
    );
  }

  // 2. Photos, decoded and resized once; words, vocabulary, splits.
  const bar = progressBar({ label: "Packing", total: pictures.files.size, unit: "photos" });
  const started = performance.now();
  const dataset = await openFound(found, {
    ...options,
    preprocessing,
    verify: true,
    onWait: () => bar.log("another process is packing these photos, waiting for it"),
    onProgress: (done, _total, bad) => bar.update(done, bad > 0 ? `${count(bad)} bad` : undefined),
  }).finally(() => bar.done());
  const seconds = (performance.now() - started) / 1000;

  // 3. With --features: a frozen encoder sees every photo once, so that training need not run it again.
  const features = encoder && await encodePhotos(encoder, dataset, options);
  dataset.close();

  // 4. What came out: how much of the text the vocabulary covers, and a caption as the decoder will read it.
  await writeFileAtomic(
    `${data}/vocabulary.json`,
    JSON.stringify({ words: dataset.vocabulary.ownWords }) + "\n",
  );
  const prepared = { dataset, features };
  if (options.json) return console.log(JSON.stringify(prepareJson(prepared, seconds)));
  for (const line of prepareLines(prepared, options.minCount)) console.log(line);
  console.log(`wrote ${data}/vocabulary.json`);
}

if (import.meta.main) await runScript(main);
