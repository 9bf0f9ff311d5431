// This module is browser compatible.
/** A training run of a team: process 0 leads, the others follow, and all stand at the same step at any time. */

import type { BatchSequence, WordBatch } from "../data/batches.ts";
import type { Parameter } from "../nn/parameters.ts";
import { agree, type Communicator } from "./communicator.ts";
import { type RunEnd, type RunHooks, type RunOptions, runTraining, type Steps } from "./run.ts";
import type { Team } from "./team.ts";
import type { Trainer } from "./trainer.ts";

/** What a team trains, and on what. */
export interface TeamRun<B extends WordBatch> {
  readonly trainer: Trainer & Steps<NoInfer<B>>;
  /** What takes the steps where it is not the trainer itself. */
  readonly selfCritical?: Steps<NoInfer<B>>;
  readonly team: Team;
  readonly loader: BatchSequence<B>;
}

/** What process 0 brings to a run: everything that is asked only once. */
export interface Lead extends RunOptions {
  readonly hooks: RunHooks;
}

/** What process 0 knows of a run before it begins, as far as it is numbers. */
type Rhythm = Omit<RunOptions, "checkpointDue">;

/** Copies process 0's numbers to all. */
export async function shareTensors(group: Communicator, tensors: readonly Parameter[]): Promise<void> {
  for (const { tensor } of tensors) {
    const numbers = await tensor.read();
    group.broadcast(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength));
    if (group.rank > 0) tensor.backend.write(tensor.storage, numbers);
  }
}

/** Copies process 0's weights, the optimisers' state and the step to all: where a run begins, goes on or goes back to. */
async function shareState(group: Communicator, trainer: Trainer): Promise<void> {
  await shareTensors(group, [...trainer.model.parameters.all, ...trainer.tensors]);
  const { steps, state } = agree(group, { steps: trainer.steps, state: trainer.state });
  if (group.rank === 0) return;
  trainer.steps = steps;
  trainer.state = state;
}

/**
 * Trains as {@linkcode runTraining} does, with all processes of a team.
 *
 * Process 0 validates, logs, saves and goes back; what it decides, all do. The others only say whether they have been
 * asked to stop.
 *
 * @param interrupted Lets signals through; returns whether this process has been asked to stop.
 * @param lead What process 0 brings; undefined on the others.
 */
export async function runTeam<B extends WordBatch>(
  { trainer, selfCritical, team, loader }: TeamRun<B>,
  interrupted: () => Promise<boolean>,
  lead?: Lead,
): Promise<RunEnd> {
  const { group } = team;
  await shareState(group, trainer);
  const { hooks, checkpointDue, ...own } = lead ?? NOTHING;
  const rhythm: Rhythm = agree(group, own);
  let enough = agree(group, hooks?.enough?.() ?? false);
  const shared: RunHooks = {
    log: async (readings, epoch) => await hooks?.log(readings, epoch),
    async validate(step, epoch) {
      const done = await hooks?.validate(step, epoch) !== false;
      const said = agree(group, { done, enough: hooks?.enough?.() ?? false, state: trainer.state });
      enough = said.enough;
      if (group.rank > 0) trainer.state = said.state; // its schedule may have learnt from the score
      return said.done;
    },
    checkpoint: async (step, context) => await hooks?.checkpoint(step, context),
    async pause() {
      team.wantsStop = await interrupted();
      team.wantsSave = checkpointDue?.(trainer.steps + 1) ?? false;
      return team.stopping;
    },
    enough: () => enough,
    async rollBack(explosion) {
      const recentLosses = await hooks?.rollBack?.(explosion);
      await shareState(group, trainer);
      return agree(group, recentLosses ?? []);
    },
  };
  // Where there is no way back, process 0 finds so and ends the job.
  return await runTraining(selfCritical ?? trainer, loader, {
    ...rhythm,
    checkpointDue: () => team.saving,
    hooks: shared,
  });
}

/** What the others bring: all of it comes from process 0. */
const NOTHING: Rhythm & Partial<Lead> = { steps: 0, logEvery: 1, validateEvery: 1 };
