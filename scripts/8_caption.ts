/**
 * Step 8: say what a picture shows.
 *
 * The decoder gives every word a probability to come next, and reads the one that is chosen before it writes on. To take
 * the likeliest each time ("greedy", --beam 1) can end in a caption that is unlikely as a whole. A beam search keeps the 5
 * likeliest beginnings, continues each with every word, keeps the 5 likeliest of those, and so on until they have ended.
 * They compete by log-probability / length^0.7: by the plain sum the shortest would win, each word makes it lower.
 *
 * To read on: lib/models/captioner.ts, and lib/models/beam_search.ts, whose steps are kernels/beam.ts.
 *
 *     deno task caption photo.jpg
 *     deno run --allow-read --allow-env=IMAGESCRIPT_WASM_SIMD,XDG_RUNTIME_DIR scripts/8_caption.ts photo.jpg
 *
 * Reads  a model (the newest of step 6 and of the demo) and the pictures. Writes nothing unless --attention asks
 * for a page. Takes less than a second for one picture. A bad picture does not keep the others from their captions.
 */
import { type AttendedPicture, attentionPage } from "../lib/deno/attention_page.ts";
import { CAPTION_ABOUT, CAPTION_OPTIONS } from "../lib/deno/caption_options.ts";
import { printCaptions, printFailure } from "../lib/deno/caption_report.ts";
import { parseOptions } from "../lib/deno/cli.ts";
import { encodePng } from "../lib/deno/encode.ts";
import { findModel } from "../lib/deno/find_model.ts";
import { loadModels } from "../lib/deno/model_disk.ts";
import { openDevice } from "../lib/deno/open_device.ts";
import { loadPictures } from "../lib/deno/pictures.ts";
import { progressBar } from "../lib/deno/progress.ts";
import { runScript } from "../lib/deno/run_script.ts";
import { captionPlan, requireAttention } from "../lib/deno/search_options.ts";
import { ensureFileWritable, writeFileAtomic } from "../lib/deno/write_file.ts";
import { captionPixels } from "../lib/models/captioner.ts";

/** Pictures captioned together. */
const BATCH = 16;

await runScript(async () => {
  const options = parseOptions(Deno.args, CAPTION_OPTIONS, CAPTION_ABOUT);
  const { positionals: paths, attention: page, sample, candidates: count = sample ?? 1 } = options;

  // 1. The model, on the device. Several models write together: their probabilities are averaged.
  const files = options.model.length > 0 ? options.model : [await findModel(options.data)];
  if (page) await ensureFileWritable(page);
  const backend = await openDevice(options);
  const models = await loadModels(backend, files);
  if (page) requireAttention(models, files);
  console.error(`captioning with ${files.join(", ")} on ${backend.description}`);

  // 2. How captions are found: by a beam search, or drawn at random.
  const beam = sample === undefined ? Math.max(options.beam ?? 5, count) : options.beam;
  const search = captionPlan({ ...options, beam, attention: page !== undefined }, models[0].vocabulary);

  // 3. The pictures, decoded, upright and resized as those that the model was trained on, a batch at a time.
  const { preprocessing } = models[0].model.config;
  const { size } = preprocessing;
  const maxPixels = options.maxMegapixels * 1e6;
  const bar = paths.length > BATCH
    ? progressBar({ label: "Captioning", total: paths.length, unit: "pictures" })
    : undefined;
  const attended: AttendedPicture[] = [];
  const wishes = { ...options, count, many: paths.length > 1 };
  let [done, captioned, failed] = [0, 0, 0];
  for await (const batch of loadPictures(paths, preprocessing, { batch: BATCH, maxPixels })) {
    const good = batch.flatMap((picture) => picture.pixels ? [picture.pixels] : []);
    const pixels = new Uint8Array(good.length * size * size * 3);
    good.forEach((one, i) => pixels.set(one, i * one.length));

    // 4. Pixels → encoder → features → the search over the decoder → words.
    const place = sample === undefined ? {} : { firstImage: captioned }; // random numbers are a picture's own
    const captions = good.length > 0 ? await captionPixels(models, pixels, { ...search, ...place }) : [];
    captioned += good.length;

    // 5. What came of each picture, in the order asked for.
    for (const { path: image, pixels, error } of batch) {
      done++;
      if (error) {
        failed++;
        printFailure(image, error, options);
        continue;
      }
      const candidates = captions.shift()!.slice(0, count);
      printCaptions(image, candidates, wishes);
      if (page) {
        const png = await encodePng({ width: size, height: size, data: pixels });
        attended.push({ name: image, png, caption: candidates[0] });
      }
    }
    bar?.update(done);
  }
  bar?.done();
  if (page) {
    await writeFileAtomic(page, attentionPage(attended));
    console.error(`wrote ${page}`);
  }
  backend.close();
  return failed > 0 ? 1 : 0;
});
