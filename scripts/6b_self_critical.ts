/**
 * Step 6b: train a captioner further on the score of its own captions (self-critical sequence training).
 *
 *     deno task self-critical --from data/demo/model.safetensors --data data/demo --learning-rate 2e-4
 *
 * Reads  a trained model, and the captions and photographs it was trained on.
 * Writes OUT/model.safetensors (the best so far by CIDEr-D on held-out pictures), OUT/checkpoint.safetensors,
 *        OUT/metrics.jsonl.
 * The model draws captions, each is scored by CIDEr-D against the true ones, and those better than their rivals become
 * likelier. A score can be gamed: the log warns when captions break off, repeat themselves, grow or all become one.
 */
import { BatchLoader } from "../lib/data/batches.ts";
import { removeRun, runFiles, saveCheckpoint } from "../lib/deno/checkpoints.ts";
import { parseOptions } from "../lib/deno/cli.ts";
import { describeDataset, openDataset } from "../lib/deno/dataset_disk.ts";
import { heldOutScores, scenesOf } from "../lib/deno/held_out_scores.ts";
import { watchInterrupt } from "../lib/deno/interrupt.ts";
import { writeSafetensors } from "../lib/deno/model_disk.ts";
import { openDevice } from "../lib/deno/open_device.ts";
import { RewardWorker } from "../lib/deno/reward_pool.ts";
import { runScript } from "../lib/deno/run_script.ts";
import {
  checkSelfCritical,
  SELF_CRITICAL_ABOUT,
  SELF_CRITICAL_OPTIONS,
} from "../lib/deno/self_critical_options.ts";
import { startSelfCritical } from "../lib/deno/self_critical_start.ts";
import { checkpointDue, packingProgress } from "../lib/deno/training.ts";
import { TrainLog } from "../lib/deno/train_log.ts";
import { modelToFile } from "../lib/models/model_file.ts";
import { rewardSignature } from "../lib/train/caption_reward.ts";
import { checkpointToFile, resumeFrom } from "../lib/train/checkpoint.ts";
import { runTraining } from "../lib/train/run.ts";
import { SelfCritical } from "../lib/train/self_critical.ts";
import { Trainer } from "../lib/train/trainer.ts";

await runScript(async () => {
  const options = parseOptions(Deno.args, SELF_CRITICAL_OPTIONS, SELF_CRITICAL_ABOUT);
  checkSelfCritical(options);
  const { seed, steps, batch, samples, baseline, out } = options;
  const due = checkpointDue(options.checkpointEvery);
  const files = runFiles(out);

  // 1. Where it runs, and the model it starts from.
  const backend = await openDevice(options);
  console.error(`self-critical training on ${backend.description}, seed ${seed}, into ${out}`);
  const { loaded, found } = await startSelfCritical(backend, options);
  const { model, vocabulary } = loaded;

  // 2. What it learns from: the same pictures, with the model's own words.
  const { preprocessing } = loaded.info.config;
  const packing = packingProgress();
  const dataset = await openDataset({
    ...options,
    preprocessing,
    vocabulary,
    words: loaded.info.wordSource,
    ...packing,
  }).finally(packing.done);
  for (const line of describeDataset(dataset)) console.error(line);
  const { train, val } = dataset;
  const scenes = await scenesOf(options.data);

  // 3. What it learns: to beat its own captions by CIDEr-D, the end token counted as a word.
  const signature = rewardSignature({ baseline, samples });
  console.error(`reward ${signature}, frequencies of ${train.images.length} pictures`);
  const { learningRate, schedule, warmup, clipNorm, maxLength } = options;
  const recipe = { learningRate, schedule, warmup, clipNorm, alphaC: 0, steps, seed };
  const trainer = new Trainer(model, recipe);
  const { words } = vocabulary;
  const rewards = new RewardWorker(train.tokens, vocabulary.words);
  const learner = new SelfCritical(trainer, rewards, { samples, baseline, seed, maxLength, words });
  const loader = new BatchLoader(train, { batchSize: batch, seed, captions: "first", window: 1 });
  const info = {
    ...loaded.info,
    recipe: { ...recipe, batch, samples, baseline, maxLength },
    step: 0,
    scores: {},
    dataHash: dataset.hash,
  };

  // 4. Where it stood, if it goes on.
  let best: number | null = null;
  let validated: number | undefined = -1;
  if (found) {
    ({ best, validated } = resumeFrom(trainer, found.file, { expected: info, name: found.path }));
    console.error(`resumed at step ${trainer.steps} of ${steps} from ${found.path}`);
  } else if (options.fresh) await removeRun(out);

  // 5. The loop: the same as in step 6, with another score to be best at.
  const log = await TrainLog.open(files.metrics, { step: trainer.steps, print: console.error });
  const interrupt = watchInterrupt(() => console.error("stopping after this step; Ctrl-C again ends now"));
  const save = async (step: number, scores: Record<string, number>) =>
    await writeSafetensors(files.model, await modelToFile(model, { ...info, step, scores }));
  const validate = async (step: number, epoch: number) => {
    if (val.images.length === 0) return;
    const scores = await heldOutScores(loaded, val, { scenes, interrupt });
    if (!scores) return false; // interrupted: it is made up for when the run goes on
    await log.scores(step, { epoch, scores: { ...scores } });
    if (scores.CIDEr > (best ?? -Infinity)) await save(step, { ...scores });
    best = Math.max(best ?? -Infinity, scores.CIDEr);
    validated = step;
    log.restartClock(step);
  };
  if (validated === -1) await validate(0, 0); // what it starts from
  const end = await runTraining(learner, loader, {
    steps,
    logEvery: options.logEvery,
    validateEvery: options.validateEvery,
    validated,
    resumedFrom: found?.path,
    checkpointDue: due,
    hooks: {
      async log(readings, epoch) {
        const seen = learner.guard.take();
        await log.steps(readings, { epoch, batch, extra: { ...seen?.habits } });
        for (const line of seen?.warnings ?? []) console.error(`warning: ${line}`);
      },
      validate,
      async checkpoint(step) {
        if (val.images.length === 0) await save(step, {}); // nothing is held out: the newest is the best
        await saveCheckpoint(
          out,
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
  rewards.close();
  dataset.close();
  backend.close();
  if (!end.complete) {
    console.error(
      `interrupted at step ${end.step} of ${steps}, saved; the same command with --resume goes on`,
    );
    return 130;
  }
  console.error(`done: ${files.model}; now \`deno task caption --model ${files.model} PHOTO.jpg\``);
  if (options.json) console.log(JSON.stringify({ model: files.model, step: end.step, best }));
});
