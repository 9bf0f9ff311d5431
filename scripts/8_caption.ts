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
import { parseOptions } from "../lib/deno/cli.ts";
import { encodePng } from "../lib/deno/encode.ts";
import { findModel } from "../lib/deno/find_model.ts";
import { loadModels } from "../lib/deno/model_disk.ts";
import { openDevice } from "../lib/deno/open_device.ts";
import { loadPictures } from "../lib/deno/pictures.ts";
import { progressBar } from "../lib/deno/progress.ts";
import { runScript } from "../lib/deno/run_script.ts";
import { captionPlan } from "../lib/deno/search_options.ts";
import { ensureFileWritable, writeFileAtomic } from "../lib/deno/write_file.ts";
import { captionPixels, type WrittenCaption } from "../lib/models/captioner.ts";

/** Pictures captioned together. */
const BATCH = 16;

await runScript(async () => {
  const options = parseOptions(Deno.args, CAPTION_OPTIONS, CAPTION_ABOUT);

  // 1. The model, on the device.
  const files = options.model.length > 0 ? options.model : [await findModel(options.data)];
  if (options.attention) await ensureFileWritable(options.attention);
  const backend = await openDevice(options);
  const models = await loadModels(backend, files);
  console.error(`captioning with ${files.join(", ")} on ${backend.description}`);

  // 2. The pictures, as the model was trained to see them; then their captions, a batch at a time.
  const { preprocessing } = models[0].model.config;
  const { size } = preprocessing;
  const paths = options.positionals;
  const bar = paths.length > BATCH
    ? progressBar({ label: "Captioning", total: paths.length, unit: "pictures" })
    : undefined;
  const attended: AttendedPicture[] = [];
  let done = 0;
  let failed = 0;
  const { sample, candidates: count = sample ?? 1 } = options;
  const beam = sample === undefined ? Math.max(options.beam ?? 5, count) : options.beam;
  const attention = options.attention !== undefined;
  const search = captionPlan({ ...options, beam, attention }, models[0].vocabulary);
  let captioned = 0;
  for await (
    const batch of loadPictures(paths, preprocessing, {
      batch: BATCH,
      maxPixels: options.maxMegapixels * 1e6,
    })
  ) {
    const good = batch.flatMap((picture) => picture.pixels ? [picture.pixels] : []);
    const pixels = new Uint8Array(good.length * size * size * 3);
    good.forEach((one, i) => pixels.set(one, i * one.length));
    const place = sample === undefined ? {} : { firstImage: captioned }; // random numbers are a picture's own
    const captions = good.length > 0 ? await captionPixels(models, pixels, { ...search, ...place }) : [];
    captioned += good.length;

    // 3. One line for each picture, in the order asked for.
    for (const { path: image, pixels, error } of batch) {
      done++;
      if (error) {
        failed++;
        if (options.json) console.log(JSON.stringify({ image, error: error.message }));
        else console.error(error.message);
        continue;
      }
      const candidates = captions.shift()!.slice(0, count);
      const [best] = candidates;
      if (candidates.length < count) {
        console.error(`${image}: the search found ${candidates.length} captions, ${count} were asked for`);
      }
      const unsaid = options.force.filter((word) => !best.words.some((said) => said.word === word));
      if (unsaid.length > 0) {
        console.error(
          `${image}: found no caption that says ${unsaid.join(", ")}, raise --max-length or --beam`,
        );
      }
      if (options.json) {
        const found = candidates.map(captionJson);
        console.log(JSON.stringify({ image, ...found[0], candidates: found }));
      } else {
        const many = paths.length > 1 ? `${image}: ` : "";
        for (const { text, score } of candidates) {
          console.log(count > 1 ? `${many}${text} (${score.toFixed(3)})` : `${many}${text}`);
        }
      }
      if (options.attention) {
        const png = await encodePng({ width: size, height: size, data: pixels });
        attended.push({ name: image, png, caption: best });
      }
    }
    bar?.update(done);
  }
  bar?.done();
  if (options.attention) {
    await writeFileAtomic(options.attention, attentionPage(attended));
    console.error(`wrote ${options.attention}`);
  }
  backend.close();
  return failed > 0 ? 1 : 0;
});

/** A caption as --json prints it. */
function captionJson({ text: caption, score, logProbability, words }: WrittenCaption) {
  return {
    caption,
    score,
    logProbability,
    words: words.map(({ word, probability }) => ({ word, probability })),
  };
}
