// This module is browser compatible.
/** The loop of a training run, without disk or console: what to do at which step. */

import type { Batch, BatchLoader } from "../data/batches.ts";
import type { Reading, Trainer } from "./trainer.ts";

/** Steps with a loss that is not finite, in a row, after which a run stops. */
const MOST_BAD_STEPS = 3;

/** What a run asks its surroundings to do. */
export interface RunHooks {
  /** Numbers of the steps since the last call. */
  log(readings: readonly Reading[], epoch: number): Promise<void>;
  /** Time to validate; `epoch` is fractional. */
  validate(step: number, epoch: number): Promise<void>;
  /** Time to save. */
  checkpoint(step: number): Promise<void>;
  /** Called before every step: lets signals through. Returning true ends the run after this step's checkpoint. */
  pause(): Promise<boolean>;
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
}

/** How a run ended. */
export interface RunEnd {
  readonly step: number;
  /** Whether all steps have been taken; otherwise it was interrupted. */
  readonly complete: boolean;
}

/**
 * Trains from the trainer's step on to the last.
 *
 * Which batch the loader makes depends on its seed and the step alone: a resumed run sees what it would have seen.
 *
 * @throws {RangeError} After three steps in a row whose loss was not finite: with the step and the image ids.
 */
export async function runTraining(
  trainer: Trainer,
  loader: BatchLoader,
  options: RunOptions & { readonly hooks: RunHooks },
): Promise<RunEnd> {
  const { steps, logEvery, validateEvery, checkpointDue, hooks } = options;
  const watch = new LossWatch();
  const epochOf = (step: number) => step / loader.stepsPerEpoch;
  const report = async () => {
    const readings = await trainer.readings();
    watch.check(readings);
    await hooks.log(readings, epochOf(trainer.steps));
  };
  const cursor = { epoch: Math.floor(epochOf(trainer.steps)), step: trainer.steps % loader.stepsPerEpoch };
  if (trainer.steps >= steps) return { step: trainer.steps, complete: true };
  for (const batch of loader.from(cursor)) {
    const stop = await hooks.pause();
    watch.expect(trainer.steps + 1, batch);
    trainer.step(batch);
    const step = trainer.steps;
    const last = stop || step === steps;
    if (last || step % logEvery === 0) await report();
    if (!stop && (last || step % validateEvery === 0)) {
      if (trainer.unread > 0) await report();
      await hooks.validate(step, epochOf(step));
    }
    if (last || checkpointDue(step)) {
      if (trainer.unread > 0) await report(); // never save behind a loss that nobody has looked at
      await hooks.checkpoint(step);
    }
    if (last) break;
  }
  return { step: trainer.steps, complete: trainer.steps >= steps };
}

/** Remembers which pictures a step saw until its loss is known, and stops a run whose losses are not finite. */
class LossWatch {
  readonly #images = new Map<number, readonly number[]>();
  #badInARow = 0;

  expect(step: number, batch: Batch): void {
    this.#images.set(step, batch.imageIds);
  }

  check(readings: readonly Reading[]): void {
    for (const { step, loss, gradNorm } of readings) {
      const images = this.#images.get(step);
      this.#images.delete(step);
      this.#badInARow = Number.isFinite(loss) && Number.isFinite(gradNorm) ? 0 : this.#badInARow + 1;
      if (this.#badInARow === MOST_BAD_STEPS) {
        throw new RangeError(
          `Cannot go on training: the loss or its gradient was not finite in ${MOST_BAD_STEPS} steps in a row ` +
            `(those updates were skipped); at step ${step} the loss was ${loss}, its images ${
              images?.join(", ")
            }`,
        );
      }
    }
  }
}
