/**
 * Step 8: say what a picture shows.
 *
 *     deno task caption photo.jpg
 *     deno run --allow-read --allow-env=IMAGESCRIPT_WASM_SIMD,XDG_RUNTIME_DIR scripts/8_caption.ts photo.jpg
 *
 * Reads  a model (the newest of step 6 and of the demo) and the pictures. Writes nothing unless --attention asks
 * for a page. Takes less than a second for one picture. A bad picture does not keep the others from their captions.
 */
import { DEVICES } from "../lib/backend/open.ts";
import { type AttendedPicture, attentionPage } from "../lib/deno/attention_page.ts";
import { parseOptions } from "../lib/deno/cli.ts";
import { encodePng } from "../lib/deno/encode.ts";
import { findModel } from "../lib/deno/find_model.ts";
import { loadModel } from "../lib/deno/model_disk.ts";
import { openDevice } from "../lib/deno/open_device.ts";
import { loadPictures } from "../lib/deno/pictures.ts";
import { progressBar } from "../lib/deno/progress.ts";
import { runScript } from "../lib/deno/run_script.ts";
import { ensureWritable, folderOf, writeFileAtomic } from "../lib/deno/write_file.ts";
import { captionPixels } from "../lib/models/captioner.ts";

/** Pictures captioned together. */
const BATCH = 16;

await runScript(async () => {
  const options = parseOptions(Deno.args, {
    model: {
      placeholder: "FILE",
      description: "the model (default: the newest of training's and the demo's)",
    },
    data: { default: "data", placeholder: "DIR", description: "folder where those models are" },
    beam: {
      default: 5,
      min: 1,
      max: 100,
      description: "captions kept at each word; 1 takes the likeliest word each time",
    },
    candidates: {
      default: 1,
      min: 1,
      max: 100,
      description: "captions printed for each picture, best first; raises --beam to as many",
    },
    maxLength: { default: 50, min: 1, max: 1000, description: "most words of a caption" },
    lengthAlpha: {
      default: 0.7,
      type: "number",
      description: "longer captions are favoured as this grows; 0: not",
    },
    attention: { placeholder: "OUT.html", description: "write a page that shows where each word looked" },
    maxMegapixels: { default: 100, type: "number", min: 0.001, description: "larger pictures are refused" },
    device: { default: "auto", choices: DEVICES, description: "what computes" },
    json: { default: false, description: "print a JSON line for each picture" },
  }, {
    purpose: "Captions pictures: JPEG, PNG or GIF.",
    command: "deno task caption",
    positionals: { name: "IMAGE", description: "the pictures", min: 1 },
    examples: [
      "deno task caption photo.jpg",
      "deno task caption --json --candidates 3 photos/*.jpg",
      "deno task caption --attention looked.html photo.jpg",
    ],
  });

  // 1. The model, on the device.
  const path = options.model ?? await findModel(options.data);
  if (options.attention) await ensureWritable(folderOf(options.attention));
  const backend = await openDevice(options.device);
  const loaded = await loadModel(backend, path);
  console.error(`captioning with ${path} on ${backend.description}`);

  // 2. The pictures, as the model was trained to see them; then their captions, a batch at a time.
  const { preprocessing } = loaded.model.config;
  const { size } = preprocessing;
  const paths = options.positionals;
  const bar = paths.length > BATCH
    ? progressBar({ label: "Captioning", total: paths.length, unit: "pictures" })
    : undefined;
  const attended: AttendedPicture[] = [];
  let done = 0;
  let failed = 0;
  const search = {
    beam: Math.max(options.beam, options.candidates),
    maxLength: options.maxLength,
    lengthAlpha: options.lengthAlpha,
    attention: options.attention !== undefined,
  };
  for await (
    const batch of loadPictures(paths, preprocessing, {
      batch: BATCH,
      maxPixels: options.maxMegapixels * 1e6,
    })
  ) {
    const good = batch.flatMap((picture) => picture.pixels ? [picture.pixels] : []);
    const pixels = new Uint8Array(good.length * size * size * 3);
    good.forEach((one, i) => pixels.set(one, i * one.length));
    const captions = good.length > 0 ? await captionPixels(loaded, pixels, search) : [];

    // 3. One line for each picture, in the order asked for.
    for (const { path: image, pixels, error } of batch) {
      done++;
      if (error) {
        failed++;
        if (options.json) console.log(JSON.stringify({ image, error: error.message }));
        else console.error(error.message);
        continue;
      }
      const candidates = captions.shift()!.slice(0, options.candidates);
      const [best] = candidates;
      if (options.json) {
        const words = best.words.map(({ word, probability }) => ({ word, probability }));
        const others = candidates.map(({ text, score }) => ({ caption: text, score }));
        console.log(
          JSON.stringify({ image, caption: best.text, score: best.score, words, candidates: others }),
        );
      } else {
        const many = paths.length > 1 ? `${image}: ` : "";
        for (const { text, score } of candidates) {
          console.log(options.candidates > 1 ? `${many}${text} (${score.toFixed(3)})` : `${many}${text}`);
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
