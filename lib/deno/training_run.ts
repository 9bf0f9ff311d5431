// This module runs in Deno only.
/** A training run and its folder: the loop of step 6 with log, validation, checkpoints and Ctrl-C. */

import type { BatchLoader } from "../data/batches.ts";
import type { Dataset } from "../data/dataset.ts";
import { type ModelInfo, modelToFile } from "../models/model_file.ts";
import { checkpointToFile, resumeFrom } from "../train/checkpoint.ts";
import { type RunEnd, type RunHooks, runTraining } from "../train/run.ts";
import type { Trainer } from "../train/trainer.ts";
import { validationLoss } from "../train/validate.ts";
import { type FoundCheckpoint, removeRun, runFiles, saveCheckpoint } from "./checkpoints.ts";
import { watchInterrupt } from "./interrupt.ts";
import { writeSafetensors } from "./model_disk.ts";
import {
  checkpointDue,
  checkpointToResume,
  refuseOldRun,
  sampleCaptions,
  validationProgress,
} from "./training.ts";
import { TrainLog } from "./train_log.ts";
import { ensureWritable } from "./write_file.ts";

/** What the flags say of a run's folder and rhythm. */
export interface RunFlags {
  /** The run's folder. */
  readonly out: string;
  /** Go on from the checkpoint there. */
  readonly resume: boolean;
  /** Start anew although there is one. */
  readonly fresh: boolean;
  /** Steps between log lines. */
  readonly logEvery: number;
  /** Steps between validations. Default: an epoch. */
  readonly validateEvery?: number;
  /** Steps or minutes between checkpoints, such as "500" or "10m". */
  readonly checkpointEvery: string;
}

/** What a run trains, and on what. */
export interface TrainingParts {
  readonly trainer: Trainer;
  readonly loader: BatchLoader;
  readonly dataset: Pick<Dataset, "vocabulary" | "train" | "val">;
  /** What the model file says, but for step and scores. */
  readonly info: ModelInfo;
  /** Length of the whole run. */
  readonly steps: number;
  /** Captions in a step. */
  readonly batch: number;
}

/**
 * Makes sure, before anything takes long, that a run can be kept in its folder.
 *
 * @returns The checkpoint to go on from, where that was asked for.
 * @throws {Error} If the folder cannot be written, holds a run that would be lost, or nothing to resume.
 */
export async function checkRunFolder(flags: RunFlags): Promise<FoundCheckpoint | undefined> {
  checkpointDue(flags.checkpointEvery); // throws now where it cannot be read
  await ensureWritable(flags.out);
  if (flags.resume) return await checkpointToResume(flags.out);
  if (!flags.fresh) await refuseOldRun(flags.out);
  return undefined;
}

/** A run that is ready to go: {@linkcode TrainingRun.train} does the rest. */
export class TrainingRun {
  readonly #parts: TrainingParts;
  readonly #flags: RunFlags;
  readonly #files: ReturnType<typeof runFiles>;
  readonly #found: FoundCheckpoint | undefined;
  /** Lowest cross entropy on held-out pictures; null before the first validation. */
  best: number | null = null;
  /** The last step after which the model was validated. */
  validated: number | undefined = 0;

  private constructor(parts: TrainingParts, flags: RunFlags, found: FoundCheckpoint | undefined) {
    this.#parts = parts;
    this.#flags = flags;
    this.#files = runFiles(flags.out);
    this.#found = found;
  }

  /**
   * Puts the trainer where the checkpoint left it, if there is one; else clears the folder where `fresh` says so.
   *
   * @throws {RangeError} If the checkpoint is of other data, words or another recipe.
   */
  static async open(
    parts: TrainingParts,
    flags: RunFlags,
    found: FoundCheckpoint | undefined,
  ): Promise<TrainingRun> {
    const run = new TrainingRun(parts, flags, found);
    const { trainer, info, steps } = parts;
    if (found) {
      const state = resumeFrom(trainer, found.file, { expected: info, name: found.path });
      run.best = state.best;
      run.validated = state.validated;
      console.error(`resumed at step ${trainer.steps} of ${steps} from ${found.path}`);
    } else if (flags.fresh) await removeRun(flags.out);
    return run;
  }

  /** Trains to the last step, or until Ctrl-C. Losses are read every few steps, never waited for in each. */
  async train(): Promise<RunEnd> {
    const { trainer, loader, steps, batch } = this.#parts;
    const { logEvery, validateEvery = loader.stepsPerEpoch, checkpointEvery } = this.#flags;
    const log = await TrainLog.open(this.#files.metrics, { step: trainer.steps, print: console.error });
    const interrupt = watchInterrupt(() =>
      console.error("stopping after this step; Ctrl-C again ends at once and saves nothing")
    );
    const hooks: RunHooks = {
      log: (readings, epoch) => log.steps(readings, { epoch, batch }),
      validate: async (step, epoch) => {
        const done = await trainer.withAverages(() => this.#validate(step, { epoch, log, interrupt }));
        log.restartClock(step);
        return done;
      },
      checkpoint: async (step) => {
        await this.#save(step);
        log.restartClock(step);
        return this.#files.checkpoint;
      },
      pause: async () => {
        await interrupt.breathe();
        return interrupt.requested;
      },
    };
    const { validated } = this;
    const due = checkpointDue(checkpointEvery);
    const rhythm = { steps, logEvery, validateEvery, validated, checkpointDue: due };
    try {
      return await runTraining(trainer, loader, { ...rhythm, resumedFrom: this.#found?.path, hooks });
    } finally {
      interrupt.close();
    }
  }

  /** Cross entropy on the held-out pictures, and a few captions to read. False: interrupted, it is owed. */
  async #validate(
    step: number,
    { epoch, log, interrupt }: {
      readonly epoch: number;
      readonly log: TrainLog;
      readonly interrupt: ReturnType<typeof watchInterrupt>;
    },
  ): Promise<boolean> {
    const { trainer, dataset: { val, train, vocabulary }, batch, info } = this.#parts;
    const { model } = trainer;
    if (val.images.length > 0) {
      const { onBatch, done } = validationProgress(interrupt);
      const crossEntropy = await validationLoss(model, val, { batchSize: batch, onBatch });
      done();
      if (crossEntropy === undefined) return false;
      await log.validation(step, { epoch, crossEntropy });
      trainer.observe(-crossEntropy);
      if (crossEntropy < (this.best ?? Infinity)) {
        this.best = crossEntropy;
        await this.#saveModel(step, { crossEntropy });
      }
    }
    const shown = val.images.length > 0 ? val : train;
    for (const line of await sampleCaptions({ model, vocabulary, info }, shown)) console.error(line);
    this.validated = step;
    return true;
  }

  async #save(step: number): Promise<void> {
    const { trainer, info } = this.#parts;
    const { best, validated } = this;
    // Where nothing is held out the newest is the best.
    if (best === null) await trainer.withAverages(() => this.#saveModel(step, {}));
    const file = await checkpointToFile(trainer, { ...info, step }, { step, best, validated });
    await saveCheckpoint(this.#flags.out, file);
  }

  async #saveModel(step: number, scores: Readonly<Record<string, number>>): Promise<void> {
    const { trainer: { model }, info } = this.#parts;
    await writeSafetensors(this.#files.model, await modelToFile(model, { ...info, step, scores }));
  }
}
