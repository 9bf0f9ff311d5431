// This module runs in Deno only.
/** The functions of an MPI library, and the names by which it knows what they work on. */

import type { MpiKind } from "./mpi.ts";

/** Variable that names the library's file, where it is not in one of {@linkcode MPI_PATHS}. */
const MPI_LIBRARY = "SHOWTELL_MPI";

/** Where systems keep it. Full paths, since that is what a permission is given for: `--allow-ffi` of the task lists these. */
const MPI_PATHS: Readonly<Record<MpiKind, readonly string[]>> = {
  "Open MPI": [
    "/usr/lib/x86_64-linux-gnu/libmpi.so.40", // Debian, Ubuntu
    "/usr/lib/aarch64-linux-gnu/libmpi.so.40",
    "/usr/lib64/openmpi/lib/libmpi.so.40", // Fedora
    "/usr/lib/libmpi.so.40", // Arch
    "/opt/homebrew/lib/libmpi.40.dylib", // macOS
  ],
  "MPICH": [
    "/usr/lib/x86_64-linux-gnu/libmpich.so.12",
    "/usr/lib/aarch64-linux-gnu/libmpich.so.12",
    "/usr/lib64/mpich/lib/libmpi.so.12",
    "/opt/homebrew/lib/libmpi.12.dylib",
  ],
};

/**
 * Handles are pointers to Open MPI and 32-bit numbers to MPICH; both pass as a machine word. So does the address that
 * means "in place": the permission for one library allows no pointers of one's own making.
 */
const SYMBOLS = {
  MPI_Init_thread: { parameters: ["usize", "usize", "i32", "buffer"], result: "i32" },
  MPI_Finalize: { parameters: [], result: "i32" },
  MPI_Abort: { parameters: ["usize", "i32"], result: "i32" },
  MPI_Comm_rank: { parameters: ["usize", "buffer"], result: "i32" },
  MPI_Comm_size: { parameters: ["usize", "buffer"], result: "i32" },
  MPI_Type_size: { parameters: ["usize", "buffer"], result: "i32" },
  MPI_Get_processor_name: { parameters: ["buffer", "buffer"], result: "i32" },
  MPI_Allreduce: {
    parameters: ["usize", "buffer", "i32", "usize", "usize", "usize"],
    result: "i32",
  },
  MPI_Bcast: { parameters: ["buffer", "i32", "usize", "i32", "usize"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** Open MPI turns the numbers that Fortran knows things by into its own handles. */
const FROM_FORTRAN = {
  MPI_Comm_f2c: { parameters: ["i32"], result: "usize" },
  MPI_Type_f2c: { parameters: ["i32"], result: "usize" },
  MPI_Op_f2c: { parameters: ["i32"], result: "usize" },
} as const satisfies Deno.ForeignLibraryInterface;

/** What an MPI library calls the things that we name to it. */
export interface MpiHandles {
  /** All processes of the job. */
  readonly world: bigint;
  readonly float: bigint;
  readonly double: bigint;
  readonly byte: bigint;
  readonly addition: bigint;
  /** Takes the place of the address of what is sent: it lies where the sum is to be. */
  readonly inPlace: bigint;
}

/** An MPI library. */
export interface MpiLibrary {
  readonly path: string;
  readonly call: Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];
  /** To be asked for behind MPI_Init. */
  handles(): MpiHandles;
}

/**
 * Opens the library.
 *
 * @throws {Error} If none can be loaded, with what was tried and why.
 */
export function loadMpi(kind: MpiKind): MpiLibrary {
  const { state } = Deno.permissions.querySync({ name: "env", variable: MPI_LIBRARY });
  const named = state === "granted" ? Deno.env.get(MPI_LIBRARY) : undefined;
  const paths = named ? [named] : MPI_PATHS[kind];
  const allowed = paths.filter((path) =>
    Deno.permissions.querySync({ name: "ffi", path }).state === "granted"
  );
  const problems = allowed.length > 0
    ? []
    : [`this process may not load it, run it with --allow-ffi=${paths}`];
  for (const path of allowed) {
    try {
      return open(kind, path);
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
  }
  const packageName = kind === "MPICH" ? "mpich" : "openmpi-bin";
  throw new Error(
    `Cannot join the other processes: ${kind} has started this one, and its library cannot be loaded ` +
      `(${
        problems.join("; ")
      }); install it (Debian: apt install ${packageName}), or name its file in ${MPI_LIBRARY}`,
  );
}

function open(kind: MpiKind, path: string): MpiLibrary {
  const { symbols: call } = Deno.dlopen(path, SYMBOLS);
  if (kind === "MPICH") return { path, call, handles: () => MPICH_HANDLES };
  const { symbols } = Deno.dlopen(path, FROM_FORTRAN);
  const handles = () => ({
    world: symbols.MPI_Comm_f2c(0),
    float: symbols.MPI_Type_f2c(13), // Fortran's REAL
    double: symbols.MPI_Type_f2c(17), // its DOUBLE PRECISION
    byte: symbols.MPI_Type_f2c(1),
    addition: symbols.MPI_Op_f2c(3),
    inPlace: 1n,
  });
  return { path, call, handles };
}

/** Numbers of the ABI that MPICH, Intel MPI, MVAPICH and Cray MPT have in common since 2013. */
const MPICH_HANDLES: MpiHandles = {
  world: 0x44000000n,
  float: 0x4c00040an,
  double: 0x4c00080bn,
  byte: 0x4c00010dn,
  addition: 0x58000003n,
  inPlace: 0xffff_ffff_ffff_ffffn,
};
