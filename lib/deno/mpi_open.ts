// This module runs in Deno only.
/** MPI as a communicator. */

import type { Communicator } from "../train/communicator.ts";
import type { MpiLaunch } from "./mpi.ts";
import { loadMpi, type MpiHandles, type MpiLibrary } from "./mpi_library.ts";

/** All calls come from one thread, beside others that call nothing (MPI_THREAD_FUNNELED). */
const FUNNELED = 1;
/** Longest name of a machine, in bytes; Open MPI's limit is 256, MPICH's 128. */
const LONGEST_NAME = 256;
/** Most elements of one call: its count is an i32. */
const MOST_ELEMENTS = 2 ** 31 - 1;

/**
 * Joins the processes that mpirun has started.
 *
 * @throws {Error} If the library is absent, or its numbers are not ours.
 */
export function openMpi({ kind, local, size: started }: MpiLaunch): Communicator {
  const library = loadMpi(kind);
  const { call } = library;
  const number = new Int32Array(1);
  const read = (name: string, code: number): number => {
    check(name, code);
    return number[0];
  };
  check("MPI_Init_thread", call.MPI_Init_thread(0n, 0n, FUNNELED, number));
  const handles = library.handles();
  const { world } = handles;
  checkTypes(library, handles);
  const rank = read("MPI_Comm_rank", call.MPI_Comm_rank(world, number));
  const size = read("MPI_Comm_size", call.MPI_Comm_size(world, number));
  if (size !== started) {
    throw new Error(
      `Cannot join the other processes: ${started} were started, ${library.path} finds ${size}; ` +
        `it belongs to another MPI than the mpirun that was called`,
    );
  }
  const name = new Uint8Array(LONGEST_NAME);
  const length = read("MPI_Get_processor_name", call.MPI_Get_processor_name(name, number));
  const host = new TextDecoder().decode(name.subarray(0, length));
  const sum = (data: Float32Array | Float64Array) => {
    checkCount(data.length);
    const type = data instanceof Float32Array ? handles.float : handles.double;
    const { inPlace, addition } = handles;
    check("MPI_Allreduce", call.MPI_Allreduce(inPlace, data, data.length, type, addition, world));
  };
  checkSum(sum, { rank, size, path: library.path });
  return {
    rank,
    size,
    local,
    description: `rank ${rank} of ${size} on ${host} (${kind})`,
    sum,
    broadcast(data) {
      checkCount(data.length);
      check("MPI_Bcast", call.MPI_Bcast(data, data.length, handles.byte, 0, world));
    },
    abort(reason) {
      // not console.error: the scripts of all but one process have muted it
      Deno.stderr.writeSync(new TextEncoder().encode(`rank ${rank} of ${size} on ${host}: ${reason}\n`));
      call.MPI_Abort(world, 1);
      Deno.exit(1); // MPI_Abort does not return
    },
    close: () => check("MPI_Finalize", call.MPI_Finalize()),
  };
}

/** MPI ends the job by itself at an error; this is for libraries that were told not to. */
function check(name: string, code: number): void {
  if (code !== 0) throw new Error(`Cannot go on: ${name} returned the error ${code}`);
}

function checkCount(count: number): void {
  if (count > MOST_ELEMENTS) {
    throw new RangeError(
      `Cannot exchange ${count} numbers in one call: at most ${MOST_ELEMENTS} are possible`,
    );
  }
}

/** The handles are written down in our sources: what they stand for must have the right size. */
function checkTypes({ path, call }: MpiLibrary, handles: MpiHandles): void {
  for (const [name, want] of [["float", 4], ["double", 8], ["byte", 1]] as const) {
    const size = new Int32Array(1);
    check("MPI_Type_size", call.MPI_Type_size(handles[name], size));
    if (size[0] !== want) {
      throw new Error(
        `Cannot use ${path}: its ${name} has ${
          size[0]
        } bytes, not ${want}; it is another library than mpirun's`,
      );
    }
  }
}

/** And a sum of known numbers must come out right, in both precisions. */
function checkSum(
  sum: Communicator["sum"],
  { rank, size, path }: { readonly rank: number; readonly size: number; readonly path: string },
): void {
  for (const Numbers of [Float32Array, Float64Array]) {
    const numbers = new Numbers([rank, 0.25, -1]);
    sum(numbers);
    const want = [size * (size - 1) / 2, size / 4, -size];
    if (numbers.join() !== want.join()) {
      throw new Error(
        `Cannot use ${path}: the sum over ${size} processes came out as ${numbers.join(", ")}, not ${
          want.join(", ")
        }`,
      );
    }
  }
}
