// This module runs in Deno only.
/** Keeps a run: its best model, its checkpoints, and the way back to the last good one. */

import { type ModelInfo, modelToFile } from "../models/model_file.ts";
import { checkpointToFile, resumeFrom } from "../train/checkpoint.ts";
import type { Explosion, SaveContext } from "../train/run.ts";
import {
  type BestBy,
  MOST_ROLLBACKS,
  type Rollback,
  RunProgress,
  type RunState,
} from "../train/run_state.ts";
import type { Trainer } from "../train/trainer.ts";
import { type FoundCheckpoint, loadCheckpoint, saveCheckpoint } from "./checkpoints.ts";
import { writeSafetensors } from "./model_disk.ts";
import type { RunFolder } from "./run_folder.ts";

/** Reads and writes a run's files. */
export class RunKeeper {
  readonly progress: RunProgress;
  /** Those of the checkpoint that the run goes on from. */
  recentLosses: readonly number[] = [];
  readonly #trainer: Trainer;
  readonly #info: ModelInfo;
  readonly #folder: RunFolder;
  readonly #bestBy: BestBy;
  /** The newest checkpoint on disk. */
  #newest: Pick<RunState, "step" | "inTurn"> | undefined;

  constructor(
    { trainer, info }: { readonly trainer: Trainer; readonly info: ModelInfo },
    folder: RunFolder,
    { bestBy, validated }: { readonly bestBy: BestBy; readonly validated: number },
  ) {
    this.#trainer = trainer;
    this.#info = info;
    this.#folder = folder;
    this.#bestBy = bestBy;
    this.progress = new RunProgress(bestBy, { validated });
  }

  /** Puts the trainer where a checkpoint left it. Throws as {@linkcode resumeFrom} does. */
  async resume({ file, path }: FoundCheckpoint): Promise<void> {
    const state = await resumeFrom(this.#trainer, file, { expected: this.#info, name: path });
    this.progress.restore(state);
    this.recentLosses = state.recentLosses ?? [];
    this.#newest = state;
  }

  /** Takes a validation's scores in, for schedules that watch them too, and saves the model if it is the best. */
  async judge(step: number, scores: Readonly<Record<string, number>>): Promise<void> {
    const { CIDEr, crossEntropy } = scores;
    if (this.#bestBy === "cross-entropy") this.#trainer.observe(-crossEntropy);
    else if (CIDEr > 0) this.#trainer.observe(CIDEr); // 0: it has yet to begin
    if (this.progress.judge(step, scores)) await this.#saveModel(step, scores);
  }

  /**
   * Writes a checkpoint. One out of turn gives way to the next, so that the last in turn stays: where the run was
   * stopped in between must not change where an explosion goes back to.
   */
  async save(step: number, { inTurn, recentLosses }: SaveContext): Promise<void> {
    // Before the first validation, or where nothing is held out, the newest is the best; nobody wants the very first.
    if (this.progress.best === null && step > 0) {
      await this.#trainer.withAverages(() => this.#saveModel(step, {}));
    }
    await this.#write({ ...this.progress.state, step, recentLosses, inTurn });
  }

  /**
   * Goes back to the last checkpoint in turn with half the learning rate, and writes that down.
   *
   * @throws {RangeError} If the run has gone back too often.
   */
  async rollBack(
    { step, reason }: Explosion,
  ): Promise<{ readonly rollback: Rollback; readonly recentLosses: readonly number[] }> {
    const { best, bestScores, rollbacks } = this.progress;
    if (rollbacks.length === MOST_ROLLBACKS) {
      throw new RangeError(
        `Cannot go on training: ${reason}; it has gone back to an earlier checkpoint ${MOST_ROLLBACKS} times, each ` +
          `time with half the learning rate; start anew with a lower --learning-rate`,
      );
    }
    const found = await loadCheckpoint(this.#folder.dir, console.error, isInTurn);
    if (!found) {
      throw new RangeError(`Cannot go on training: ${reason}; there is no checkpoint to go back to`);
    }
    await this.resume(found);
    const learningRateFactor = 0.5 ** (rollbacks.length + 1);
    const { steps: to } = this.#trainer;
    const rollback = { from: step, to, learningRateFactor, reason };
    // The best model on disk stays what it is, though it may be of a step that is taken again.
    Object.assign(this.progress, { best, bestScores, rollbacks: [...rollbacks, rollback] });
    this.#trainer.rateScale = learningRateFactor;
    const { recentLosses } = this;
    this.#newest = { step: to, inTurn: false }; // the same step, written anew
    await this.#write({ ...this.progress.state, step: to, recentLosses, inTurn: true });
    return { rollback, recentLosses };
  }

  /** The error with what is safe on disk, where something could not be written. */
  withWayOn(error: unknown): unknown {
    if (!(error instanceof Error && /^Cannot write /.test(error.message))) return error;
    const way = this.#newest
      ? `the checkpoint of step ${this.#newest.step} is whole: mend this, and the same command with --resume goes on`
      : "no checkpoint has been written yet: mend this and start again";
    return new Error(`${error.message}; ${way}`, { cause: error });
  }

  async #write(state: RunState): Promise<void> {
    const file = await checkpointToFile(this.#trainer, this.#infoOf(state.step), state);
    await saveCheckpoint(this.#folder.dir, file, { keepNewest: this.#newest?.inTurn ?? true });
    this.#newest = state;
  }

  async #saveModel(step: number, scores: Readonly<Record<string, number>>): Promise<void> {
    const { model } = this.#trainer;
    await writeSafetensors(
      this.#folder.files.model,
      await modelToFile(model, { ...this.#infoOf(step), scores }),
    );
  }

  /** What a file says of the model: with what the recipe does not foresee. */
  #infoOf(step: number): ModelInfo {
    const { rollbacks } = this.progress;
    const recipe = rollbacks.length > 0 ? { ...this.#info.recipe, rollbacks } : this.#info.recipe;
    return { ...this.#info, recipe, step };
  }
}

function isInTurn({ metadata }: { readonly metadata: Readonly<Record<string, string>> }): boolean {
  const state: RunState = JSON.parse(metadata.run); // its checksum has been compared
  return state.inTurn ?? true;
}
