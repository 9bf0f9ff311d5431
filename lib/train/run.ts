// This module is browser compatible.
/** The loop of a training run, without disk or console: what to do at which step. */

import type { Batch, BatchSequence, WordBatch } from "../data/batches.ts";
import { LossWatch } from "./loss_watch.ts";
import type { Reading } from "./trainer.ts";

/** What takes the steps of a run: a Trainer, or another way of training around one. */
export interface Steps<B extends WordBatch = Batch> {
  /** Steps taken so far. */
  readonly steps: number;
  /** Steps that have not been read. */
  readonly unread: number;
  step(batch: B): void | Promise<void>;
  readings(): Promise<Reading[]>;
}

/** What a checkpoint is to say beside the tensors. */
export interface SaveContext {
  /** False: it is written out of turn, because the run stops here. An explosion never returns to such a one. */
  readonly inTurn: boolean;
  /** See {@linkcode LossWatch.recent}. */
  readonly recentLosses: readonly number[];
}

/** An explosion of the loss. */
export interface Explosion {
  /** Steps taken when it was seen. */
  readonly step: number;
  /** In words. */
  readonly reason: string;
}

/** What a run asks its surroundings to do. */
export interface RunHooks {
  /** Numbers of the steps since the last call. */
  log(readings: readonly Reading[], epoch: number): Promise<void>;
  /** Time to validate; `epoch` is fractional. Returning false says that it was cut short: the run ends and owes it. */
  validate(step: number, epoch: number): Promise<boolean | void>;
  /** Time to save. */
  checkpoint(step: number, context: SaveContext): Promise<void>;
  /** Called between steps: lets signals through. Returning true ends the run with a checkpoint. */
  pause(): Promise<boolean>;
  /** Whether the run may end before its last step. Default: it may not. */
  enough?(): boolean;
  /**
   * Puts the trainer back where the last checkpoint in turn left it, with a lower learning rate. Returns that
   * checkpoint's `recentLosses`; throws where the run must end instead. Default: an explosion ends the run.
   */
  rollBack?(explosion: Explosion): Promise<readonly number[]>;
}

/** Options of {@linkcode runTraining}. */
export interface RunOptions {
  /** Steps of the whole run, those before a resumption included. */
  readonly steps: number;
  /** Steps between log lines. */
  readonly logEvery: number;
  /** Steps between validations. */
  readonly validateEvery: number;
  /** Whether it is time for a checkpoint after this step. */
  readonly checkpointDue: (step: number) => boolean;
  /** The last step after which a resumed run was validated. Default: all validations were made. */
  readonly validated?: number;
  /** The `recentLosses` of the checkpoint that a resumed run goes on from. */
  readonly recentLosses?: readonly number[];
}

/** How a run ended. */
export interface RunEnd {
  readonly step: number;
  /** Whether all steps have been taken and validated, or were enough; otherwise it was interrupted. */
  readonly complete: boolean;
  /** The step of the newest checkpoint: an earlier one where the run was interrupted while its loss was odd. */
  readonly saved: number;
}

/**
 * Trains from the trainer's step on to the last.
 *
 * Which batch the loader makes depends on its seed and the step alone: a resumed run sees what it would have seen.
 * A run is saved at its start, in turn, and at its end; never behind a loss that nobody has looked at, and never while
 * the loss is odd, so that every checkpoint in turn is worth going back to.
 *
 * @throws {RangeError} If the loss explodes (see {@linkcode LossWatch}), or is odd at the last step, and there is no
 * `rollBack`: with the step and the image ids.
 */
export async function runTraining<B extends WordBatch>(
  trainer: Steps<NoInfer<B>>,
  loader: BatchSequence<B>,
  options: RunOptions & { readonly hooks: RunHooks },
): Promise<RunEnd> {
  const { steps, logEvery, validateEvery, checkpointDue, hooks } = options;
  const epochOf = (step: number) => step / loader.stepsPerEpoch;
  const batchesFrom = (step: number) =>
    loader.from({ epoch: Math.floor(epochOf(step)), step: step % loader.stepsPerEpoch });
  let watch = new LossWatch(options.recentLosses);
  const report = async () => {
    if (trainer.unread === 0) return;
    const readings = await trainer.readings();
    await hooks.log(readings, epochOf(trainer.steps));
    watch.add(readings);
  };
  const validationDue = (step: number) => step > 0 && (step === steps || step % validateEvery === 0);
  let saved = trainer.steps;
  let batches = batchesFrom(saved);
  let owed = validationDue(saved) && (options.validated ?? saved) !== saved;
  let unsaved = saved === 0;
  for (;;) {
    const step = trainer.steps;
    let last = step >= steps || !!hooks.enough?.();
    if (last || owed || step % logEvery === 0) await report();
    if (owed) {
      owed = !watch.suspicious && await hooks.validate(step, epochOf(step)) === false;
      unsaved = true;
      last ||= !!hooks.enough?.();
    }
    const stop = owed || last || await hooks.pause();
    const inTurn = unsaved && !owed && (step === 0 || checkpointDue(step));
    if (inTurn || stop) await report();
    if (watch.exploded || (last && watch.suspicious)) {
      watch = new LossWatch(await backFrom({ step, reason: watch.describe() }, hooks));
      saved = trainer.steps;
      await batches.return?.();
      batches = batchesFrom(saved);
      owed = unsaved = false;
      continue;
    }
    if (unsaved && (inTurn || stop) && !watch.suspicious) {
      await hooks.checkpoint(step, { inTurn, recentLosses: watch.recent });
      saved = step;
      unsaved = false;
    }
    if (stop) return { step, complete: last && !owed, saved };
    const batch = (await batches.next()).value;
    watch.expect(step + 1, batch.imageIds);
    await trainer.step(batch);
    owed = validationDue(step + 1);
    unsaved = true;
  }
}

async function backFrom(explosion: Explosion, { rollBack }: RunHooks): Promise<readonly number[]> {
  if (rollBack) return await rollBack(explosion);
  throw new RangeError(`Cannot go on training: ${explosion.reason}; a lower --learning-rate may help`);
}
