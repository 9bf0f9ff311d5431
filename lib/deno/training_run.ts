// This module runs in Deno only.
/** A training run in its folder: the loop of steps 6 and 6b with log, validation, checkpoints and Ctrl-C. */

import type { BatchSequence, WordBatch } from "../data/batches.ts";
import { counted } from "../data/captions.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Scene } from "../data/shapes.ts";
import type { HostPictures } from "../models/device_batch.ts";
import type { ModelInfo } from "../models/model_file.ts";
import { type RunEnd, type RunHooks, runTraining } from "../train/run.ts";
import type { BestBy } from "../train/run_state.ts";
import type { SelfCritical } from "../train/self_critical.ts";
import type { Team } from "../train/team.ts";
import { runTeam } from "../train/team_run.ts";
import type { Trainer } from "../train/trainer.ts";
import { usualValidationSteps, validationLoss } from "../train/validate.ts";
import { heldOutScores } from "./held_out_scores.ts";
import { type Interrupt, watchInterrupt } from "./interrupt.ts";
import type { RunFolder } from "./run_folder.ts";
import { RunKeeper } from "./run_keeper.ts";
import { checkpointDue, sampleCaptions, sampleLines, validationProgress } from "./training.ts";
import type { HeldFeatures } from "./training_features.ts";
import { TrainLog } from "./train_log.ts";

/** What the flags say of a run's rhythm and end. */
export interface RunFlags {
  /** Steps between log lines. */
  readonly logEvery: number;
  /** Steps between validations. Default: {@linkcode usualValidationSteps}. */
  readonly validateEvery?: number;
  /** Steps or minutes between checkpoints, such as "500" or "10m". */
  readonly checkpointEvery: string;
  /** What the best model is chosen by. Default: CIDEr-D, or the cross entropy where few pictures are held out. */
  readonly bestBy?: BestBy;
  /** Validations without a higher CIDEr-D after which the run ends; 0: none. Default 0. */
  readonly earlyStop?: number;
  /** Width of the beam that validation captions are written with. Default 1: greedy. */
  readonly valBeam?: number;
}

/** What a run trains, and on what. */
export interface TrainingParts {
  readonly trainer: Trainer;
  readonly loader: BatchSequence<WordBatch & HostPictures>;
  readonly dataset: Pick<Dataset, "vocabulary" | "train" | "val">;
  /** What the model file says, but for step and scores. */
  readonly info: ModelInfo;
  /** Length of the whole run. */
  readonly steps: number;
  /** Captions in a step. */
  readonly batch: number;
  /** The processes that take each step together, this one their first. Default: it is alone. */
  readonly team?: Team;
  /** What takes the steps where it is not the trainer itself: then a first validation says what it starts from. */
  readonly selfCritical?: SelfCritical;
  /** Features of the held-out pictures: they are validated on without the encoder. Default: it sees their pixels. */
  readonly held?: HeldFeatures;
  /** Scenes behind the pictures, where they are known. */
  readonly scenes?: ReadonlyMap<number, Scene>;
}

/** Held-out pictures so few that CIDEr-D says nothing: its weights come from how many pictures a word is said of. */
const FEW_PICTURES = 8;

/** A run that is ready to go: {@linkcode TrainingRun.train} does the rest. */
export class TrainingRun {
  readonly #parts: TrainingParts;
  readonly #flags: RunFlags;
  readonly #folder: RunFolder;
  readonly #keeper: RunKeeper;
  readonly #warned = new Set<string>();

  private constructor(parts: TrainingParts, flags: RunFlags, folder: RunFolder) {
    const { dataset: { val }, selfCritical } = parts;
    const few = val.images.length < FEW_PICTURES && !selfCritical;
    const bestBy = flags.bestBy ?? (few ? "cross-entropy" : "cider");
    const info = { ...parts.info, recipe: { ...parts.info.recipe, bestBy } };
    this.#parts = { ...parts, info };
    this.#flags = flags;
    this.#folder = folder;
    const owesFirst = selfCritical !== undefined && val.images.length > 0;
    this.#keeper = new RunKeeper(this.#parts, folder, { bestBy, validated: owesFirst ? -1 : 0 });
  }

  /**
   * Puts the trainer where the checkpoint left it, if there is one; else clears the folder where `fresh` says so.
   *
   * @throws {RangeError} If the checkpoint is of other data, words or another recipe.
   */
  static async open(parts: TrainingParts, flags: RunFlags, folder: RunFolder): Promise<TrainingRun> {
    const run = new TrainingRun(parts, flags, folder);
    const { trainer, steps } = parts;
    if (folder.found) {
      await run.#keeper.resume(folder.found);
      console.error(`resumed at step ${trainer.steps} of ${steps} from ${folder.found.path}`);
    } else await folder.clear();
    return run;
  }

  /** The best validation's score; null before the first. */
  get best(): number | null {
    return this.#keeper.progress.best;
  }

  /** Trains to the last step, until it is enough, or until Ctrl-C. Losses are read every few steps. */
  async train(): Promise<RunEnd> {
    const { trainer, selfCritical, team, loader, steps, batch } = this.#parts;
    const { logEvery, validateEvery = usualValidationSteps(loader.stepsPerEpoch), earlyStop = 0 } =
      this.#flags;
    const { images } = this.#parts.dataset.val;
    if (earlyStop > 0 && images.length < FEW_PICTURES) {
      console.error(
        `warning: --early-stop ${earlyStop} has nothing to go by: ${images.length} pictures are held out, CIDEr-D ` +
          `needs ${FEW_PICTURES}; hold out more with --val-share`,
      );
    }
    const keeper = this.#keeper;
    const { progress } = keeper;
    const resumed = { step: trainer.steps, rollbacks: progress.rollbacks.length };
    const log = await TrainLog.open(this.#folder.files.metrics, {
      ...this.#folder.found ? { resumed } : {},
      print: console.error,
    });
    const interrupt = watchInterrupt(() =>
      console.error("stopping after this step; Ctrl-C again ends at once and saves nothing")
    );
    const validate: RunHooks["validate"] = async (step, epoch) => {
      const done = await trainer.withAverages(() => this.#validate(step, { epoch, log, interrupt }));
      log.restartClock(step);
      return done;
    };
    const hooks: RunHooks = {
      async log(readings, epoch) {
        const seen = selfCritical?.guard.take();
        await log.steps(readings, { epoch, batch, extra: { ...seen?.habits } });
        for (const line of seen?.warnings ?? []) console.error(`warning: ${line}`);
      },
      validate,
      async checkpoint(step, context) {
        await keeper.save(step, context);
        log.restartClock(step);
      },
      async pause() {
        await interrupt.breathe();
        return interrupt.requested;
      },
      enough: () => earlyStop > 0 && progress.stale >= earlyStop,
      async rollBack(explosion) {
        const { rollback, recentLosses } = await keeper.rollBack(explosion);
        await log.rollBack(rollback, progress.rollbacks.length);
        return recentLosses;
      },
    };
    const { validated } = progress;
    const due = checkpointDue(this.#flags.checkpointEvery);
    const { recentLosses } = keeper;
    const rhythm = { steps, logEvery, validateEvery, validated, recentLosses, checkpointDue: due };
    try {
      // If it is interrupted, so is the run before its first step; a team's behind it.
      if (validated === -1) await validate(trainer.steps, trainer.steps / loader.stepsPerEpoch);
      const end = team
        ? await runTeam({ trainer, selfCritical, team, loader }, hooks.pause, { ...rhythm, hooks })
        : await runTraining(selfCritical ?? trainer, loader, { ...rhythm, hooks });
      this.#tellEnd(end);
      return end;
    } catch (error) {
      throw keeper.withWayOn(error);
    } finally {
      interrupt.close();
    }
  }

  /** Warnings that were not said word for word before. */
  #warn(warnings: readonly string[]): void {
    for (const line of warnings) if (!this.#warned.has(line)) console.error(`warning: ${line}`);
    warnings.forEach((line) => this.#warned.add(line));
  }

  #tellEnd({ step, complete, saved }: RunEnd): void {
    const { progress } = this.#keeper;
    if (complete && step < this.#parts.steps) {
      console.error(
        `stopped early at step ${step}: CIDEr-D has not risen above ${progress.bestCider.toFixed(3)} in ` +
          `${progress.stale} validations; the best model is that of step ${progress.bestScores?.step}`,
      );
    }
    const { val } = this.#parts.dataset;
    const { step: best = step } = progress.bestScores ?? {};
    if (complete && best < step && val.images.length < FEW_PICTURES) {
      const { model, checkpoint } = this.#folder.files;
      console.error(
        `${model} is of step ${best}, the best by ${
          counted(val.images.length, "held-out picture")
        }, which are few to ` +
          `tell: that of step ${step} is in ${checkpoint}, see which you like; --best-by last keeps the last`,
      );
    }
    if (!complete && saved < step) {
      console.error(`the loss is odd at step ${step}: the checkpoint of step ${saved} stays the newest`);
    }
  }

  /** Scores on the held-out pictures, and a few captions to read. False: interrupted, it is owed. */
  async #validate(
    step: number,
    { epoch, log, interrupt }: {
      readonly epoch: number;
      readonly log: TrainLog;
      readonly interrupt: Interrupt;
    },
  ): Promise<boolean> {
    const { trainer: { model }, dataset: { val, train, vocabulary }, batch, info, scenes } = this.#parts;
    const writer = { model, vocabulary, info };
    const { held } = this.#parts;
    const features = held && step <= held.until ? held.source : undefined;
    if (val.images.length === 0) {
      for (const line of await sampleCaptions(writer, train)) console.error(line);
      this.#keeper.progress.validated = step;
      return true;
    }
    const entropy: { crossEntropy?: number } = {};
    if (!this.#parts.selfCritical) {
      const { onBatch, done } = validationProgress(interrupt);
      entropy.crossEntropy = await validationLoss(model, val, { batchSize: batch, features, onBatch });
      done();
      if (entropy.crossEntropy === undefined) return false;
    }
    const { valBeam: beam } = this.#flags;
    const written = await heldOutScores(writer, val, { scenes, interrupt, beam, features });
    if (!written) return false;
    const scores = { ...entropy, ...written.scores };
    await log.validation(step, { epoch, scores });
    this.#warn(written.warnings);
    for (const line of sampleLines(val, written.captions)) console.error(line);
    await this.#keeper.judge(step, scores);
    return true;
  }
}
