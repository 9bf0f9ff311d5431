// This module is browser compatible.
/** A training run of a team: process 0 runs it, the others follow, and all stand at the same step at any time. */

import type { BatchSequence, WordBatch } from "../data/batches.ts";
import { agree, type Communicator } from "./communicator.ts";
import { type RunEnd, type RunHooks, type RunOptions, runTraining, type Steps } from "./run.ts";
import type { Team } from "./team.ts";
import type { Trainer } from "./trainer.ts";

/** What {@linkcode runTraining} goes by, as far as it is numbers. */
type Rhythm = Omit<RunOptions, "checkpointDue">;

/** Copies process 0's weights, the optimisers' state and the step to all: where a run begins, goes on or goes back to. */
export async function shareState(group: Communicator, trainer: Trainer): Promise<void> {
  for (const { tensor } of [...trainer.model.parameters.all, ...trainer.tensors]) {
    const numbers = await tensor.read();
    group.broadcast(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength));
    if (group.rank > 0) tensor.backend.write(tensor.storage, numbers);
  }
  const { steps, state } = agree(group, { steps: trainer.steps, state: trainer.state });
  if (group.rank === 0) return;
  trainer.steps = steps;
  trainer.state = state;
}

/** What process 0 does in {@linkcode runTeam}. */
export interface LeaderOptions extends RunOptions {
  readonly hooks: RunHooks;
}

/**
 * Trains as {@linkcode runTraining} does, with all processes of a team.
 *
 * Process 0 validates, logs and saves; its decisions are everybody's. Each process only has to let signals through and
 * say whether one wants to stop.
 *
 * @param interrupted Lets signals through; returns whether this process has been asked to stop.
 * @param leader Rhythm and surroundings; those of process 0 count, others give none.
 */
export async function runTeam<B extends WordBatch>(
  { trainer, team, loader }: {
    readonly trainer: Trainer & Steps<NoInfer<B>>;
    readonly team: Team;
    readonly loader: BatchSequence<B>;
  },
  interrupted: () => Promise<boolean>,
  leader?: LeaderOptions,
): Promise<RunEnd> {
  const { group } = team;
  await shareState(group, trainer);
  const { hooks, checkpointDue, ...own } = leader ?? { steps: 0, logEvery: 1, validateEvery: 1 };
  const rhythm: Rhythm = agree(group, own);
  const shared: RunHooks = {
    log: async (readings, epoch) => await hooks?.log(readings, epoch),
    async validate(step, epoch) {
      const done = await hooks?.validate(step, epoch);
      const said = agree(group, { done: done !== false, state: trainer.state }); // a schedule may have learnt from it
      if (group.rank > 0) trainer.state = said.state;
      return said.done;
    },
    checkpoint: async (...context) => await hooks?.checkpoint(...context),
    async pause() {
      team.wantsStop = await interrupted();
      team.wantsSave = checkpointDue?.(trainer.steps + 1) ?? false;
      return team.stopping;
    },
  };
  return await runTraining(trainer, loader, { ...rhythm, checkpointDue: () => team.saving, hooks: shared });
}
