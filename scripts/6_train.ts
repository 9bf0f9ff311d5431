/**
 * Step 6: train a captioner.
 *
 * Two networks learn together. The encoder, a CNN, turns a photograph into a grid of features: a vector for each region.
 * The decoder, an LSTM, writes the caption a word at a time. Before each word attention weighs the regions, with weights
 * alpha that add up to 1, and the LSTM reads the mean of the features under them, and the word before.
 *
 * They learn by teacher forcing: at each place the decoder is given the true words so far, whatever it would have said,
 * and names every word's probability to be the next. The loss is the cross entropy, −log of the true word's probability
 * (in nats; to waver between 10 words costs ln 10 = 2.3), plus a term for attention: over all words of a caption, each
 * region's weights should add up to about 1 as well ("doubly stochastic"), so that no part of the picture goes unread.
 *
 * To read on: lib/models/attend.ts is the decoder, lib/models/caption_model.ts the loss, lib/train/trainer.ts a step,
 * lib/train/run.ts the loop.
 *
 *     deno task train --epochs 20
 *     deno task train --annotations my/captions.json --images my/photos --min-count 1
 *     deno task train --preset sgrvinod --explain
 *     mpirun -np 4 deno task train --sync-bn
 *     deno run --allow-read --allow-write --allow-env=IMAGESCRIPT_WASM_SIMD,XDG_RUNTIME_DIR scripts/6_train.ts
 *
 * Reads  the captions and photographs of steps 1 and 5, or your own, and packs the photographs if step 5 has not.
 * Writes OUT/model.safetensors (the best so far), OUT/checkpoint.safetensors (to go on from) and OUT/metrics.jsonl.
 * Takes  about a tenth of a second a step of 16 pictures on two CPU cores. Ctrl-C saves and says how to go on.
 */
import { fittedTo } from "../lib/data/augmented.ts";
import { BatchLoader } from "../lib/data/batches.ts";
import { count } from "../lib/data/captions.ts";
import { parseOptions } from "../lib/deno/cli.ts";
import { describeDataset, openDataset } from "../lib/deno/dataset_disk.ts";
import { explainPlan } from "../lib/deno/explain_run.ts";
import { compareData, followRun, joinProcesses, teamOf, threadsEach } from "../lib/deno/join.ts";
import { openDevice } from "../lib/deno/open_device.ts";
import { openRunFolder } from "../lib/deno/run_folder.ts";
import { runScript } from "../lib/deno/run_script.ts";
import { planWithWeights } from "../lib/deno/start_weights.ts";
import { checkpointDue, describeLength, packingProgress } from "../lib/deno/training.ts";
import { TrainingRun } from "../lib/deno/training_run.ts";
import { TRAIN_ABOUT, TRAIN_OPTIONS, trainingPlan } from "../lib/deno/train_options.ts";
import { trainingBatches } from "../lib/deno/training_features.ts";
import { CaptionModel } from "../lib/models/caption_model.ts";
import { loadEncoder } from "../lib/models/encoder_weights.ts";
import { trainingRecipe } from "../lib/train/presets.ts";
import { Trainer } from "../lib/train/trainer.ts";
import { startBiasAtFrequency } from "../lib/train/word_bias.ts";

await runScript(async () => {
  const options = parseOptions(Deno.args, TRAIN_OPTIONS, TRAIN_ABOUT);
  const planned = trainingPlan(options);
  const out = options.out ?? options.data;
  if (options.explain) return await explainPlan(planned, options);
  checkpointDue(options.checkpointEvery); // throws now where it cannot be read

  // 1. Where it runs, and whether its results can be kept: found out now, not after hours. Under mpirun several
  //    processes take each step together; the first speaks and writes for all.
  const group = await joinProcesses();
  const backend = await openDevice({ ...options, threads: threadsEach(group) });
  console.error(
    `training on ${backend.description}, ${group.description}, seed ${options.seed}, into ${out}`,
  );
  using folder = group.rank === 0 ? await openRunFolder({ ...options, out }) : undefined;
  const { plan, weights, recipe: started } = await planWithWeights(planned, {
    ...options,
    weights: planned.preset.weights,
  });

  // 2. What it learns from: captions as numbers, and photographs packed once as raw pixels; see step 5.
  const packing = packingProgress();
  const packed = await openDataset({ ...options, ...plan.data, ...packing }).finally(packing.done);
  for (const line of describeDataset(packed)) console.error(line);
  compareData(group, packed.hash);
  const { vocabulary, train } = packed;
  const dataset = fittedTo(plan.config.preprocessing.size, packed); // training may cut its pictures from larger ones

  // 3. What it learns: an encoder that looks and a decoder that writes, started at random or from ImageNet's weights.
  const { seed, precision } = options;
  const { batch, captions } = plan.preset;
  const start = { words: vocabulary.size, seed, activations: precision };
  const model = new CaptionModel(backend, plan.config, start);
  if (weights) loadEncoder(model, weights);
  if (plan.preset.biasFromFrequency) startBiasAtFrequency(model, train.tokens);
  console.error(
    `${plan.config.encoder} + ${plan.config.decoder}: ${count(model.parameters.count)} parameters`,
  );

  // 4. How it learns: in each step the gradient of a batch's loss says how every parameter should move, and the optimiser
  //    moves it a little. An epoch is as many steps as it takes to see every caption once.
  const { accumulate } = options;
  const team = teamOf(group, backend, { syncBatchNorm: options.syncBn });
  const loader = new BatchLoader(train, { ...plan.batches, share: { passes: accumulate, ...group } });
  const steps = options.steps ?? Math.ceil(plan.epochs * loader.stepsPerEpoch);
  const { stepsPerEpoch } = loader;
  const recipe = trainingRecipe(plan.preset, { steps, stepsPerEpoch, seed, precision });
  const trainer = new Trainer(model, recipe, { accumulate, team });
  for (const line of describeLength({ steps, stepsPerEpoch, batch })) console.error(line);
  const pictures = await trainingBatches({
    model,
    dataset: packed,
    loader,
    recipe,
    changes: plan.batches.changes,
  }, options);
  const info = {
    config: plan.config,
    words: vocabulary.ownWords,
    wordSource: dataset.words,
    recipe: { ...recipe, batch, captions, ...started, ...pictures.recipe, ...plan.changes },
    step: 0,
    scores: {},
    dataHash: dataset.hash,
  };

  // 5. The loop: forwards, backwards, a step; now and then a log line, a validation, a checkpoint.
  const flags = { ...options, earlyStop: plan.preset.earlyStop };
  const { held } = pictures;
  const parts = { trainer, loader: pictures.loader, dataset, info, steps, batch, team, held };
  const run = folder && await TrainingRun.open(parts, flags, folder);
  const end = run ? await run.train() : await followRun({ ...parts, team: team! }); // there are others: a team
  pictures.close();
  packed.close();
  backend.close();
  group.close();

  // 6. What became of it.
  if (!folder || !run) return; // the first process tells it: mpirun would kill it if another failed before it has
  const { model: file } = folder.files;
  if (!end.complete) {
    const again = options.fresh ? "--resume in place of --fresh" : "--resume";
    console.error(
      `interrupted at step ${end.step} of ${steps}, saved at ${end.saved}; the same command with ${again} goes on`,
    );
    return 130;
  }
  console.error(`done: ${file}; now \`deno task caption --model ${file} PHOTO.jpg\``);
  if (options.json) {
    console.log(JSON.stringify({ model: file, step: end.step, best: run.best, words: vocabulary.size }));
  }
});
