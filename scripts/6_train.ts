/**
 * Step 6: train a captioner.
 *
 *     deno task train --epochs 20
 *     deno task train --annotations my/captions.json --images my/photos --min-count 1
 *
 * Reads  the captions and photographs of steps 1 and 5, or your own, and packs the photographs if step 5 has not.
 * Writes OUT/model.safetensors (the best so far), OUT/checkpoint.safetensors (to go on from) and OUT/metrics.jsonl.
 * Takes  about a tenth of a second a step of 16 pictures on two CPU cores. Ctrl-C saves and says how to go on.
 */
import { BatchLoader } from "../lib/data/batches.ts";
import { removeRun, runFiles, saveCheckpoint } from "../lib/deno/checkpoints.ts";
import { parseOptions } from "../lib/deno/cli.ts";
import { describeDataset, openDataset } from "../lib/deno/dataset_disk.ts";
import { watchInterrupt } from "../lib/deno/interrupt.ts";
import { writeSafetensors } from "../lib/deno/model_disk.ts";
import { openDevice } from "../lib/deno/open_device.ts";
import { runScript } from "../lib/deno/run_script.ts";
import {
  checkpointDue,
  checkpointToResume,
  packingProgress,
  refuseOldRun,
  sampleCaptions,
  validationProgress,
} from "../lib/deno/training.ts";
import { TRAIN_ABOUT, TRAIN_OPTIONS, trainingPlan } from "../lib/deno/train_options.ts";
import { TrainLog } from "../lib/deno/train_log.ts";
import { ensureWritable } from "../lib/deno/write_file.ts";
import { CaptionModel } from "../lib/models/caption_model.ts";
import { modelToFile } from "../lib/models/model_file.ts";
import { checkpointToFile, resumeFrom } from "../lib/train/checkpoint.ts";
import { trainingRecipe } from "../lib/train/presets.ts";
import { runTraining } from "../lib/train/run.ts";
import { Trainer } from "../lib/train/trainer.ts";
import { validationLoss } from "../lib/train/validate.ts";
import { startBiasAtFrequency } from "../lib/train/word_bias.ts";

await runScript(async () => {
  const options = parseOptions(Deno.args, TRAIN_OPTIONS, TRAIN_ABOUT);
  const plan = trainingPlan(options);
  const due = checkpointDue(options.checkpointEvery);
  const files = runFiles(options.out);

  // 1. Where it runs, and whether its results can be kept: found out now, not after hours.
  const backend = await openDevice(options.device);
  console.error(`training on ${backend.description}, seed ${options.seed}, into ${options.out}`);
  await ensureWritable(options.out);
  const found = options.resume ? await checkpointToResume(options.out) : undefined;
  if (!options.resume && !options.fresh) await refuseOldRun(options.out);

  // 2. What it learns from: captions, and photographs packed once as raw pixels.
  const packing = packingProgress();
  const dataset = await openDataset({ ...options, ...plan.data, ...packing }).finally(packing.done);
  for (const line of describeDataset(dataset)) console.error(line);
  const { vocabulary, train, val } = dataset;

  // 3. What it learns: an encoder that looks and a decoder that writes, started at random.
  const model = new CaptionModel(backend, plan.config, { words: vocabulary.size, seed: options.seed });
  if (plan.preset.biasFromFrequency) startBiasAtFrequency(model, train.tokens);
  console.error(`${plan.config.encoder} + ${plan.config.decoder}: ${model.parameters.count} parameters`);

  // 4. How it learns: Adam on the cross entropy of the next word, for a number of steps.
  const loader = new BatchLoader(train, plan.batches);
  const steps = options.steps ?? Math.ceil(plan.epochs * loader.stepsPerEpoch);
  const recipe = trainingRecipe(plan.preset, { steps, seed: options.seed });
  const trainer = new Trainer(model, recipe);
  const info = {
    config: plan.config,
    words: vocabulary.words.slice(4),
    wordSource: dataset.words,
    recipe: { ...recipe, batch: plan.preset.batch, captions: plan.preset.captions },
    step: 0,
    scores: {},
    dataHash: dataset.hash,
  };

  // 5. Where it stood, if it goes on.
  let best: number | null = null;
  let validated: number | undefined = 0;
  if (found) {
    ({ best, validated } = resumeFrom(trainer, found.file, { expected: info, name: found.path }));
    console.error(`resumed at step ${trainer.steps} of ${steps} from ${found.path}`);
  } else if (options.fresh) await removeRun(options.out);

  // 6. The loop. Losses are read every few steps, never waited for in each.
  const log = await TrainLog.open(files.metrics, { step: trainer.steps, print: console.error });
  const interrupt = watchInterrupt(() =>
    console.error("stopping after this step; Ctrl-C again ends at once and saves nothing")
  );
  const saveModel = async (step: number, scores: Record<string, number>) =>
    await writeSafetensors(files.model, await modelToFile(model, { ...info, step, scores }));
  const end = await runTraining(trainer, loader, {
    steps,
    logEvery: options.logEvery,
    validateEvery: options.validateEvery ?? loader.stepsPerEpoch,
    validated,
    resumedFrom: found?.path,
    checkpointDue: due,
    hooks: {
      log: (readings, epoch) => log.steps(readings, { epoch, batch: plan.preset.batch }),
      async validate(step, epoch) {
        if (val.images.length > 0) {
          const { onBatch, done } = validationProgress(interrupt);
          const crossEntropy = await validationLoss(model, val, { batchSize: plan.preset.batch, onBatch });
          done();
          if (crossEntropy === undefined) return false; // interrupted: it is made up for when the run goes on
          await log.validation(step, { epoch, crossEntropy });
          if (crossEntropy < (best ?? Infinity)) {
            best = crossEntropy;
            await saveModel(step, { crossEntropy });
          }
        }
        const shown = val.images.length > 0 ? val : train;
        for (const line of await sampleCaptions({ model, vocabulary, info }, shown)) console.error(line);
        validated = step;
        log.restartClock(step);
      },
      async checkpoint(step) {
        if (best === null) await saveModel(step, {}); // nothing is held out: the newest is the best
        await saveCheckpoint(
          options.out,
          await checkpointToFile(trainer, { ...info, step }, { step, best, validated }),
        );
        log.restartClock(step);
        return files.checkpoint;
      },
      async pause() {
        await interrupt.breathe();
        return interrupt.requested;
      },
    },
  });
  interrupt.close();
  dataset.close();
  backend.close();
  if (!end.complete) {
    const again = options.fresh ? "--resume in place of --fresh" : "--resume";
    console.error(
      `interrupted at step ${end.step} of ${steps}, saved; the same command with ${again} goes on`,
    );
    return 130;
  }
  console.error(`done: ${files.model}; now \`deno task caption --model ${files.model} PHOTO.jpg\``);
  if (options.json) {
    console.log(
      JSON.stringify({ model: files.model, step: end.step, best, words: vocabulary.size }),
    );
  }
});
