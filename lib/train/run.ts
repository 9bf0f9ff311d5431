// This module is browser compatible.
/** The loop of a training run, without disk or console: what to do at which step. */

import type { Batch, BatchSequence, WordBatch } from "../data/batches.ts";
import type { Reading } from "./trainer.ts";

/** Steps with a loss that is not finite, in a row, after which a run stops. */
const MOST_BAD_STEPS = 3;

/** What takes the steps of a run: a Trainer, or another way of training around one. */
export interface Steps<B extends WordBatch = Batch> {
  /** Steps taken so far. */
  readonly steps: number;
  /** Steps that have not been read. */
  readonly unread: number;
  step(batch: B): void | Promise<void>;
  readings(): Promise<Reading[]>;
}

/** What a run asks its surroundings to do. */
export interface RunHooks {
  /** Numbers of the steps since the last call. */
  log(readings: readonly Reading[], epoch: number): Promise<void>;
  /** Time to validate; `epoch` is fractional. Returning false says that it was cut short: the run ends and owes it. */
  validate(step: number, epoch: number): Promise<boolean | void>;
  /** Time to save. Returns where, for the error of a run that diverges. */
  checkpoint(step: number): Promise<string | void>;
  /** Called between steps: lets signals through. Returning true ends the run with a checkpoint. */
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
  /** The last step after which a resumed run was validated. Default: all validations were made. */
  readonly validated?: number;
  /** The checkpoint that a resumed run goes on from, for errors. */
  readonly resumedFrom?: string;
}

/** How a run ended. */
export interface RunEnd {
  readonly step: number;
  /** Whether all steps have been taken and validated; otherwise it was interrupted. */
  readonly complete: boolean;
}

/**
 * Trains from the trainer's step on to the last.
 *
 * Which batch the loader makes depends on its seed and the step alone: a resumed run sees what it would have seen.
 *
 * @throws {RangeError} After three steps in a row whose loss was not finite, or at the end if the last was not: with
 * the step, the image ids and the last checkpoint.
 */
export async function runTraining<B extends WordBatch>(
  trainer: Steps<NoInfer<B>>,
  loader: BatchSequence<B>,
  options: RunOptions & { readonly hooks: RunHooks },
): Promise<RunEnd> {
  const { steps, logEvery, validateEvery, checkpointDue, hooks } = options;
  const start = trainer.steps;
  const watch = new LossWatch(options.resumedFrom);
  const epochOf = (step: number) => step / loader.stepsPerEpoch;
  const report = async () => {
    if (trainer.unread === 0) return;
    const readings = await trainer.readings();
    watch.check(readings);
    await hooks.log(readings, epochOf(trainer.steps));
  };
  const validationDue = (step: number) => step > 0 && (step === steps || step % validateEvery === 0);
  const batches = loader.from({ epoch: Math.floor(epochOf(start)), step: start % loader.stepsPerEpoch });
  let owed = validationDue(start) && (options.validated ?? start) !== start;
  let unsaved = start === 0;
  for (;;) {
    const step = trainer.steps;
    const last = step >= steps;
    if (last || owed || step % logEvery === 0) await report();
    if (last && watch.bad) throw watch.error();
    if (owed) {
      owed = !watch.bad && await hooks.validate(step, epochOf(step)) === false;
      unsaved = true;
    }
    const stop = owed || last || await hooks.pause();
    let save = unsaved && (stop || (step > start && checkpointDue(step)));
    if (save) await report(); // never save behind a loss that nobody has looked at,
    save &&= stop || !watch.bad; // nor in place of a good checkpoint one that may not be
    if (save) {
      watch.savedTo(await hooks.checkpoint(step), step);
      unsaved = false;
    }
    if (stop) return { step, complete: last && !owed };
    const batch = (await batches.next()).value;
    watch.expect(step + 1, batch);
    await trainer.step(batch);
    owed = validationDue(step + 1);
    unsaved = true;
  }
}

/** Remembers which pictures a step saw until its loss is known, and stops a run whose losses are not finite. */
class LossWatch {
  readonly #images = new Map<number, readonly number[]>();
  #badInARow = 0;
  /** The last step with a bad loss. */
  #worst = "";
  #checkpoint: string | undefined;

  constructor(resumedFrom: string | undefined) {
    this.#checkpoint = resumedFrom;
  }

  /** Whether the last loss that was read is not finite. */
  get bad(): boolean {
    return this.#badInARow > 0;
  }

  savedTo(path: string | void, step: number): void {
    if (path) this.#checkpoint = `${path} of step ${step}`;
  }

  expect(step: number, batch: WordBatch): void {
    this.#images.set(step, batch.imageIds);
  }

  check(readings: readonly Reading[]): void {
    for (const { step, loss, gradNorm } of readings) {
      const images = this.#images.get(step);
      this.#images.delete(step);
      if (Number.isFinite(loss) && Number.isFinite(gradNorm)) {
        this.#badInARow = 0;
        continue;
      }
      this.#badInARow++;
      this.#worst = `at step ${step} the loss was ${loss}, its images ${images?.join(", ")}`;
      if (this.#badInARow === MOST_BAD_STEPS) throw this.error();
    }
  }

  error(): RangeError {
    const count = this.#badInARow;
    return new RangeError(
      `Cannot go on training: the loss or its gradient was not finite in ${count} ${
        count === 1 ? "step" : "steps"
      } ` +
        `in a row (those updates were skipped; the last good checkpoint is ${
          this.#checkpoint ?? "none"
        }, a lower ` +
        `--learning-rate may help); ${this.#worst}`,
    );
  }
}
