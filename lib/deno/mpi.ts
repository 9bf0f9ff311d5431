// This module runs in Deno only.
/** Finds out whether mpirun has started this process, and joins the others. Alone, no library is loaded. */

import { ALONE, type Communicator } from "../train/communicator.ts";

/** An MPI library's way of naming things; see `mpi_library.ts`. */
export type MpiKind = "Open MPI" | "MPICH";

/** What mpirun tells each process that it starts. */
const VARIABLES = {
  "Open MPI": {
    size: "OMPI_COMM_WORLD_SIZE",
    localRank: "OMPI_COMM_WORLD_LOCAL_RANK",
    localSize: "OMPI_COMM_WORLD_LOCAL_SIZE",
  },
  "MPICH": { size: "PMI_SIZE", localRank: "MPI_LOCALRANKID", localSize: "MPI_LOCALNRANKS" },
} as const;

/** What mpirun said. */
export interface MpiLaunch {
  readonly kind: MpiKind;
  readonly size: number;
  /** Processes on this machine, and this one among them. */
  readonly local: { readonly rank: number; readonly size: number };
}

/** How this process was started; undefined without mpirun, or where its environment may not be read. */
export function mpiLaunch(
  env: (name: string) => string | undefined = readableVariable,
): MpiLaunch | undefined {
  for (const [kind, names] of Object.entries(VARIABLES)) {
    const size = Number(env(names.size));
    if (!(size >= 1)) continue;
    const local = { rank: Number(env(names.localRank) ?? 0), size: Number(env(names.localSize) ?? 1) };
    return { kind: kind as MpiKind, size, local }; // a key of VARIABLES
  }
  return undefined;
}

/**
 * Joins the processes that mpirun has started; one alone is {@linkcode ALONE}.
 *
 * Everything of MPI is called from this thread.
 *
 * @throws {Error} If there are several, and the library is absent, may not be loaded or does not add up.
 */
export async function openCommunicator(): Promise<Communicator> {
  const launch = mpiLaunch();
  if (!launch || launch.size === 1) return ALONE;
  const { openMpi } = await import("./mpi_open.ts"); // loaded only where it is used
  return openMpi(launch);
}

function readableVariable(variable: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted" ? Deno.env.get(variable) : undefined;
}
