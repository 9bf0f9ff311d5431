// This module runs in Deno only.
/** Runs a script together with the processes that mpirun has started beside this one. */

import type { BatchSequence, WordBatch } from "../data/batches.ts";
import { agree, type Communicator } from "../train/communicator.ts";
import type { RunEnd, Steps } from "../train/run.ts";
import type { Team } from "../train/team.ts";
import { runTeam } from "../train/team_run.ts";
import type { Trainer } from "../train/trainer.ts";
import { watchInterrupt } from "./interrupt.ts";
import { openCommunicator } from "./mpi.ts";
import { describeError } from "./run_script.ts";

/**
 * Runs `main` as one of the processes that belong together; alone where there is no mpirun.
 *
 * What it throws ends them all, with this one's rank, machine and reason: others would wait for it for ever.
 */
export async function joined<T>(main: (group: Communicator) => Promise<T>): Promise<T> {
  const group = await openCommunicator();
  if (group.size === 1) return await main(group);
  try {
    const result = await main(group);
    group.close();
    return result;
  } catch (error) {
    return group.abort(describeError(error));
  }
}

/** Threads of each process, so that those of one machine share its cores; undefined: as many as there are. */
export function threadsEach({ size, local }: Communicator): number | undefined {
  return size === 1 ? undefined : Math.max(1, Math.floor(navigator.hardwareConcurrency / local.size));
}

/**
 * Makes sure that all processes have the same data.
 *
 * @throws {Error} On the processes that have other data than process 0, with both hashes.
 */
export function compareData(group: Communicator, hash: string): void {
  const theirs = agree(group, hash);
  if (theirs === hash) return;
  throw new Error(
    `Cannot train together: the data here are ${hash.slice(0, 12)}, those of rank 0 are ${theirs.slice(0, 12)}; ` +
      "copy the same captions and photographs to each machine",
  );
}

/** Takes part in a run that process 0 leads, to its end. */
export async function followRun<B extends WordBatch>(
  run: {
    readonly trainer: Trainer & Steps<NoInfer<B>>;
    readonly team: Team;
    readonly loader: BatchSequence<B>;
  },
): Promise<RunEnd> {
  const interrupt = watchInterrupt();
  try {
    return await runTeam(run, async () => {
      await interrupt.breathe();
      return interrupt.requested;
    });
  } finally {
    interrupt.close();
  }
}
