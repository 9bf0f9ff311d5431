/**
 * Step 5: make the data ready for training.
 *
 * A network reads numbers. Captions are split into words, and each word of the vocabulary gets a number; words that
 * occur less often than --min-count cannot be learned and share one, "unknown". Photos are dealt into train (to learn
 * from), val (to see how it goes) and test (to judge at the end), and every one is decoded and resized once into packed
 * pixels, so that training never decodes. Training does the same by itself where it is missing; here one sees what
 * comes out. With --features a frozen encoder runs over the photos too, once.
 *
 *     deno task prepare --size 64 --min-count 6
 *     deno task prepare --features --encoder mobilenet_v2 --weights mobilenet_v2-7ebf99e0 --size 224
 *     deno run --allow-read --allow-write=data --allow-sys=cpus --allow-env=IMAGESCRIPT_WASM_SIMD,XDG_RUNTIME_DIR scripts/5_prepare.ts
 *
 * Reads data/annotations and data/img. Writes data/shards, data/features and data/vocabulary.json. Takes a minute for 10,000
 * photos; stopped and started again, it goes on where it was.
 */

import { count } from "../lib/data/captions.ts";
import { karpathyWords, PUBLISHED_WORDS } from "../lib/data/karpathy.ts";
import { parseOptions } from "../lib/deno/cli.ts";
import { describeDataset, findData, openFound } from "../lib/deno/dataset_disk.ts";
import { encodePhotos, planEncoder } from "../lib/deno/encode_photos.ts";
import { PREPARE_ABOUT, PREPARE_OPTIONS } from "../lib/deno/prepare_options.ts";
import { progressBar } from "../lib/deno/progress.ts";
import { runScript } from "../lib/deno/run_script.ts";
import { ensureWritable, writeFileAtomic } from "../lib/deno/write_file.ts";
import { DEFAULT_PREPROCESSING } from "../lib/image/preprocess.ts";

async function main(): Promise<void> {
  const options = parseOptions(Deno.args, PREPARE_OPTIONS, PREPARE_ABOUT);
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

  // 4. What came out.
  const { vocabulary, report: { coverage }, shardReport } = dataset;
  await writeFileAtomic(`${data}/vocabulary.json`, JSON.stringify(vocabulary) + "\n");
  if (options.json) {
    const { hash, train, val, test, shards } = dataset;
    console.log(JSON.stringify({
      hash,
      shards,
      size,
      images: { train: train.images.length, val: val.images.length, test: test?.images.length ?? 0 },
      captions: { train: train.tokens.captions, val: val.tokens.captions, test: test?.tokens.captions ?? 0 },
      vocabulary: { size: vocabulary.size, hash: vocabulary.hash, ...coverage },
      ...(features && { features: { dir: features.dir, origin: features.origin, ...features.report } }),
      packed: { added: shardReport.added, kept: shardReport.kept, bad: shardReport.bad, seconds },
      problems: [...dataset.captionReport.problems, ...dataset.pictureProblems],
    }));
    return;
  }
  for (const line of describeDataset(dataset)) console.log(line);
  if (coverage) {
    const { typesKept, types, unknownShare, longest, mostFrequent } = coverage;
    console.log(
      `words: ${count(typesKept)} of ${count(types)} occur ${options.minCount} times or more, ` +
        `${
          (100 * unknownShare).toFixed(2)
        } % of the text becomes unknown, the longest caption has ${longest}`,
    );
    console.log(
      `most frequent: ${mostFrequent.map(([word, times]) => `${word} ${count(times)}`).join(", ")}`,
    );
  }
  const { added, kept, bad, damaged } = shardReport;
  console.log(
    `photos: ${count(added + kept - bad.length)} packed in ${dataset.shards}, ${count(added)} read now, ${
      count(kept)
    } before` + (damaged > 0 ? `; ${count(damaged)} were damaged and are mended` : ""),
  );
  if (features) {
    const { dir, origin: { positions, channels, type }, report: { added, kept, damaged } } = features;
    console.log(
      `features: ${positions} × ${channels} ${type} of ${count(added)} photos made now, ${
        count(kept)
      } before` +
        `${damaged > 0 ? `, ${count(damaged)} of them damaged and mended` : ""}, in ${dir}`,
    );
  }
  console.log(`wrote ${data}/vocabulary.json`);
}

if (import.meta.main) await runScript(main);
