// This module runs in Deno only.
/** What a script does that several processes run together. */

import type { Backend } from "../backend/backend.ts";
import type { WordBatch } from "../data/batches.ts";
import { agree, type Communicator } from "../train/communicator.ts";
import type { RunEnd } from "../train/run.ts";
import { Team, type TeamOptions } from "../train/team.ts";
import { runTeam, type TeamRun } from "../train/team_run.ts";
import { watchInterrupt } from "./interrupt.ts";
import { openCommunicator } from "./mpi.ts";
import { failTogether } from "./run_script.ts";

/**
 * Joins the processes that mpirun has started beside this one; alone where there is no mpirun.
 *
 * From now on what the script throws ends them all, with this one's rank, machine and reason: others would wait for it
 * for ever. Only process 0 speaks: what the others would print is the same.
 */
export async function joinProcesses(): Promise<Communicator> {
  const group = await openCommunicator();
  if (group.size > 1) failTogether((reason) => group.abort(reason));
  if (group.rank > 0) console.error = console.log = () => {};
  return group;
}

/** Threads of each process, so that those of one machine share its cores; undefined: as many as there are. */
export function threadsEach({ size, local }: Communicator): number | undefined {
  return size === 1 ? undefined : Math.max(1, Math.floor(navigator.hardwareConcurrency / local.size));
}

/** The team of several processes; none of one. Throws as {@linkcode Team} does. */
export function teamOf(group: Communicator, backend: Backend, options?: TeamOptions): Team | undefined {
  return group.size > 1 ? new Team(group, backend, options) : undefined;
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
    `Cannot train together: the data here are ${hash.slice(0, 12)}, those of rank 0 are ${
      theirs.slice(0, 12)
    }; ` +
      "copy the same captions and photographs to each machine",
  );
}

/** Takes part in a run that process 0 leads, to its end. */
export async function followRun<B extends WordBatch>(run: TeamRun<B>): Promise<RunEnd> {
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
