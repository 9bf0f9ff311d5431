/**
 * Step 6b: train a captioner further on the score of its own captions (self-critical sequence training).
 *
 * Step 6 teaches to say the next word as a person would, given a person's words before it; when it captions, the model
 * reads its own, and is judged by CIDEr-D. Here it practises that: it draws captions at random, as likely as it holds them,
 * each is scored by CIDEr-D against the true ones, and its advantage is how much it beats its rivals, the other captions
 * drawn of the picture. The loss, −advantage · log p(caption), makes the better ones likelier and the worse ones rarer: a
 * score has no gradient, but the probability of what was said has one (REINFORCE; Rennie et al., 2017). A score can be
 * gamed: the log warns when captions break off, repeat themselves, grow or all become one.
 *
 * With --fine-tune none the encoder stays as it is, and looks at the pictures of a step once for both, to draw and to
 * learn; where step 5 has kept its features (`prepare --features`), it need not look at all.
 *
 * To read on: lib/train/self_critical.ts.
 *
 *     deno task self-critical --from data/demo/model.safetensors --data data/demo --learning-rate 2e-4
 *     mpirun -np 4 deno task self-critical
 *     deno run --allow-read --allow-write --allow-env=IMAGESCRIPT_WASM_SIMD,XDG_RUNTIME_DIR scripts/6b_self_critical.ts
 *
 * Reads  a trained model, and the captions and photographs it was trained on, or their features.
 * Writes OUT/model.safetensors (the best so far by CIDEr-D on held-out pictures), OUT/checkpoint.safetensors,
 *        OUT/metrics.jsonl.
 */
import { BatchLoader } from "../lib/data/batches.ts";
import { parseOptions } from "../lib/deno/cli.ts";
import { describeDataset, openDataset } from "../lib/deno/dataset_disk.ts";
import { scenesOf } from "../lib/deno/held_out_scores.ts";
import { compareData, followRun, joinProcesses, teamOf, threadsEach } from "../lib/deno/join.ts";
import { openDevice } from "../lib/deno/open_device.ts";
import { RewardWorker } from "../lib/deno/reward_pool.ts";
import { openRunFolder } from "../lib/deno/run_folder.ts";
import { runScript } from "../lib/deno/run_script.ts";
import {
  SELF_CRITICAL_ABOUT,
  SELF_CRITICAL_OPTIONS,
  selfCriticalPlan,
} from "../lib/deno/self_critical_options.ts";
import { startingModel } from "../lib/deno/self_critical_start.ts";
import { checkpointDue, packingProgress } from "../lib/deno/training.ts";
import { trainingBatches } from "../lib/deno/training_features.ts";
import { TrainingRun } from "../lib/deno/training_run.ts";
import { rewardSignature } from "../lib/train/caption_reward.ts";
import { SelfCritical } from "../lib/train/self_critical.ts";
import { Trainer } from "../lib/train/trainer.ts";

await runScript(async () => {
  const options = parseOptions(Deno.args, SELF_CRITICAL_OPTIONS, SELF_CRITICAL_ABOUT);
  const { batch, samples, baseline, maxLength, ...plan } = selfCriticalPlan(options);
  const { seed, steps, out = `${options.data}/self_critical` } = options;
  checkpointDue(options.checkpointEvery); // throws now where it cannot be read

  // 1. Where it runs, and the model it starts from. Under mpirun several processes take each step together; the first
  //    reads the model, speaks and writes for all.
  const group = await joinProcesses();
  const backend = await openDevice({ ...options, threads: threadsEach(group) });
  console.error(
    `self-critical training on ${backend.description}, ${group.description}, seed ${seed}, into ${out}`,
  );
  using folder = group.rank === 0 ? await openRunFolder({ ...options, out }) : undefined;
  const loaded = await startingModel(backend, group, { ...options, folder });
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
  compareData(group, dataset.hash);
  const { train } = dataset;
  const scenes = await scenesOf(options.data);

  // 3. What it learns: to beat its own captions by CIDEr-D, the end token counted as a word.
  const signature = rewardSignature({ baseline, samples });
  console.error(`reward ${signature}, frequencies of ${train.images.length} pictures`);
  const f16 = options.precision === "f16" && { precision: options.precision };
  const recipe = { ...plan, alphaC: 0, steps, seed, ...f16 };
  const team = teamOf(group, backend);
  const trainer = new Trainer(model, recipe, { team });
  const { words } = vocabulary;
  const rewards = new RewardWorker(train.tokens, vocabulary.words);
  const learner = new SelfCritical(trainer, rewards, { samples, baseline, seed, maxLength, words });
  const loader = new BatchLoader(train, {
    batchSize: batch,
    seed,
    captions: "first",
    window: 1,
    share: group,
  });
  const pictures = await trainingBatches({ model, dataset, loader, recipe }, options);
  const info = {
    ...loaded.info,
    recipe: { ...recipe, batch, samples, baseline, maxLength, ...pictures.recipe },
    step: 0,
    scores: {},
    dataHash: dataset.hash,
  };

  // 4. The loop: the same as in step 6, with another way of taking a step.
  const { held } = pictures;
  const parts = { trainer, loader: pictures.loader, dataset, info, steps, batch, scenes, team, held };
  const critical = { ...parts, selfCritical: learner };
  const run = folder && await TrainingRun.open(critical, options, folder);
  const end = run ? await run.train() : await followRun({ ...critical, team: team! }); // there are others: a team
  rewards.close();
  pictures.close();
  dataset.close();
  backend.close();
  group.close();
  if (!folder || !run) return; // the first process tells what became of it
  const { model: file } = folder.files;
  if (!end.complete) {
    console.error(
      `interrupted at step ${end.step} of ${steps}, saved at ${end.saved}; the same command with --resume goes on`,
    );
    return 130;
  }
  console.error(`done: ${file}; now \`deno task caption --model ${file} PHOTO.jpg\``);
  if (options.json) console.log(JSON.stringify({ model: file, step: end.step, best: run.best }));
});
