/**
 * The whole way in a few minutes: make pictures, train on them, evaluate on others, caption three, show a gallery.
 *
 *     deno task demo
 *     deno run --allow-read --allow-write --allow-env=IMAGESCRIPT_WASM_SIMD,XDG_RUNTIME_DIR scripts/demo.ts
 *
 * Reads  nothing. Writes data/demo: pictures, captions, model.safetensors and gallery.html.
 * The pictures are drawn by code, with five true captions each, and saved as JPEGs with COCO's JSON: from there on
 * everything goes the way of real photographs. The scene behind each picture is kept, so that what the model says
 * of pictures it has never seen can be checked for truth, word by word.
 */
import { BatchLoader } from "../lib/data/batches.ts";
import { count } from "../lib/data/captions.ts";
import { checkCaption, scoreTruth } from "../lib/data/shapes_check.ts";
import { parseOptions } from "../lib/deno/cli.ts";
import { openDataset } from "../lib/deno/dataset_disk.ts";
import { DEMO_ABOUT, DEMO_OPTIONS } from "../lib/deno/demo_options.ts";
import { writeGallery } from "../lib/deno/gallery_page.ts";
import { watchInterrupt } from "../lib/deno/interrupt.ts";
import { writeSafetensors } from "../lib/deno/model_disk.ts";
import { openDevice } from "../lib/deno/open_device.ts";
import { progressBar } from "../lib/deno/progress.ts";
import { runScript } from "../lib/deno/run_script.ts";
import { readScenes, writeWorld } from "../lib/deno/shapes_disk.ts";
import { ensureWritable } from "../lib/deno/write_file.ts";
import { DEFAULT_PREPROCESSING } from "../lib/image/preprocess.ts";
import { CaptionModel } from "../lib/models/caption_model.ts";
import { captionSplit } from "../lib/models/caption_split.ts";
import { modelToFile } from "../lib/models/model_file.ts";
import { percent } from "../lib/text/percent.ts";
import { scoreCaptions } from "../lib/text/score.ts";
import { tokenizePtb } from "../lib/text/tokenize.ts";
import { modelConfig, PRESETS, trainingRecipe } from "../lib/train/presets.ts";
import { Trainer } from "../lib/train/trainer.ts";
import { startBiasAtFrequency } from "../lib/train/word_bias.ts";

await runScript(async () => {
  const options = parseOptions(Deno.args, DEMO_OPTIONS, DEMO_ABOUT);
  const started = performance.now();
  const preset = PRESETS.shapes;
  const { data: dir, seed, steps } = options;
  const interrupt = watchInterrupt(() => {
    console.error("\ninterrupted: the pictures made so far stay, the same command starts from them");
    Deno.exit(130);
  });

  // 1. Where it runs.
  const backend = await openDevice(options);
  console.error(`demo on ${backend.description}, seed ${seed}, into ${dir}`);
  await ensureWritable(dir);

  // 2. The picture world, on disk as COCO is: JPEGs and captions. A second run finds it there.
  const drawing = progressBar({ label: "Drawing ", total: options.pictures + 700, unit: "pictures" });
  const world = await writeWorld(dir, {
    seed,
    train: options.pictures,
    onProgress: (done) => drawing.update(done),
  });
  drawing.done(`${world.test} to test on, ${world.unseen} of them with scenes never shown in training`);
  const packing = progressBar({ label: "Packing ", unit: "pictures" });
  const dataset = await openDataset({
    data: dir,
    preprocessing: { ...DEFAULT_PREPROCESSING, size: preset.size },
    minCount: preset.minCount,
    onProgress: (done) => packing.update(done),
  });
  packing.done();
  const { train, vocabulary } = dataset;
  const test = dataset.test!;

  // 3. Training: a small CNN looks, an LSTM with attention writes.
  const config = modelConfig(preset, dataset.preprocessing);
  const model = new CaptionModel(backend, config, { words: vocabulary.size, seed });
  startBiasAtFrequency(model, train.tokens);
  const loader = new BatchLoader(train, { batchSize: preset.batch, seed, captions: "draw" });
  const recipe = trainingRecipe(preset, { steps, stepsPerEpoch: loader.stepsPerEpoch, seed });
  const trainer = new Trainer(model, recipe);
  const training = progressBar({ label: "Training", total: steps, unit: "steps" });
  for (const pictures of loader.from()) {
    trainer.step(pictures);
    if (trainer.steps % 10 === 0 || trainer.steps === steps) {
      const last = (await trainer.readings()).at(-1)!;
      training.update(trainer.steps, `cross entropy ${last.crossEntropy.toFixed(3)} nats/word`);
    }
    await interrupt.breathe();
    if (trainer.steps === steps) break;
  }
  training.done();

  // 4. The model file: weights, vocabulary, preprocessing and recipe in one.
  const words = vocabulary.ownWords;
  const info = {
    config,
    words,
    wordSource: dataset.words,
    recipe: { ...recipe, batch: preset.batch },
    step: steps,
    dataHash: dataset.hash,
  };
  const path = `${dir}/model.safetensors`;
  await writeSafetensors(path, await modelToFile(model, { ...info, scores: {} }));

  // 5. Captions for pictures it has never seen, checked against the scenes behind them.
  const testing = progressBar({ label: "Testing ", total: test.images.length, unit: "pictures" });
  const captions = (await captionSplit({ model, vocabulary }, test, {
    beam: options.beam,
    maxLength: 20,
    batchSize: 50,
    async onProgress(done) {
      testing.update(done);
      await interrupt.breathe();
    },
  })).map(([best]) => best.text);
  testing.done();
  const scenes = await readScenes(dir);
  const checks = test.images.map(({ id }, i) => checkCaption(scenes.get(id)!, captions[i]));
  const { truth, facts } = scoreTruth(checks);
  const references = new Map(test.images.map(({ id }, i) => [id, test.captions[i].map(tokenizePtb)]));
  const scores = scoreCaptions(
    references,
    new Map(test.images.map(({ id }, i) => [id, tokenizePtb(captions[i])])),
  );
  const verdict =
    `${percent(truth)} of ${test.images.length} captions true in every word, ${percent(facts)} of the ` +
    `stated facts; BLEU-4 ${scores.Bleu_4.toFixed(3)}, CIDEr-D ${scores.CIDEr.toFixed(3)}`;
  console.error(verdict);

  // 6. Three of them, and a page with many.
  const say = options.json ? console.error : console.log;
  for (let i = 0; i < Math.min(3, captions.length); i++) say(`${test.images[i].fileName}: ${captions[i]}`);
  const lines = [verdict, `Trained for ${count(steps)} steps, seed ${seed}.`];
  await writeGallery(dir, test, { captions, truths: checks.map((check) => check.true), lines });
  const seconds = Math.round((performance.now() - started) / 1000);
  console.error(
    `done in ${seconds} s: look at ${dir}/gallery.html; \`deno task caption ${dir}/img/${
      test.images[0].fileName
    }\``,
  );
  if (options.json) {
    const { Bleu_4, CIDEr } = scores;
    console.log(JSON.stringify({ pictures: test.images.length, truth, facts, Bleu_4, CIDEr, seconds }));
  }
  interrupt.close();
  dataset.close();
  backend.close();
});
