// This module runs in Deno only.
/** The system's BLAS, found and opened through the foreign function interface. */

import type { Blas, Sgemm } from "../../kernels/gemm/mod.ts";
import { checkSgemm } from "./blas_check.ts";

/** Whether to use the system's BLAS: where it is there, as a must, or never. */
export const BLAS_CHOICES = ["auto", "on", "off"] as const;
/** One of {@linkcode BLAS_CHOICES}. */
export type BlasChoice = (typeof BLAS_CHOICES)[number];

/** A library that may be there. */
interface Candidate {
  readonly path: string;
  readonly kind: "OpenBLAS" | "Accelerate";
}

/**
 * Where systems keep it. Full paths, since that is what a permission is given for: the tasks' `--allow-ffi` lists
 * these. Each has CBLAS with 32-bit sizes. The reference BLAS (`libblas.so.3` by itself) is slower than our own
 * engine, and MKL brings a second pool of threads that only its own environment variables control: both are left out.
 */
export const BLAS_PATHS = {
  linux: [
    { path: "/usr/lib/x86_64-linux-gnu/libopenblas.so.0", kind: "OpenBLAS" }, // Debian, Ubuntu
    { path: "/usr/lib/aarch64-linux-gnu/libopenblas.so.0", kind: "OpenBLAS" },
    { path: "/usr/lib64/libopenblasp.so.0", kind: "OpenBLAS" }, // Fedora: the one with POSIX threads
    { path: "/usr/lib/libopenblas.so.0", kind: "OpenBLAS" }, // Arch
  ],
  darwin: [
    { path: "/System/Library/Frameworks/Accelerate.framework/Accelerate", kind: "Accelerate" },
  ],
} as const satisfies Readonly<Record<string, readonly Candidate[]>>;

/** The candidates of this system. */
function candidates(): readonly Candidate[] {
  const { os } = Deno.build;
  return os === "linux" || os === "darwin" ? BLAS_PATHS[os] : [];
}

/**
 * Opens the system's BLAS.
 *
 * Without the permission to load one of {@linkcode BLAS_PATHS} nobody is asked for it: "auto" goes without.
 *
 * @returns Nothing where there is none, or it is not wanted.
 * @throws {Error} If it is a must and there is none that can be used, with the reasons.
 */
export function openBlas(choice: BlasChoice = "auto"): Blas | undefined {
  if (choice === "off") return undefined;
  const problems: string[] = [];
  const forbidden: string[] = [];
  for (const candidate of candidates()) {
    const { path } = candidate;
    if (Deno.permissions.querySync({ name: "ffi", path }).state !== "granted") {
      forbidden.push(path);
      continue;
    }
    try {
      return open(candidate);
    } catch (error) {
      problems.push(`${path}: ${error instanceof Error ? error.message : error}`);
    }
  }
  if (choice !== "on") return undefined;
  if (forbidden.length > 0) {
    const flag = `--allow-ffi=${forbidden.join(",")}`;
    problems.push(`this process may not load ${forbidden.join(" or ")}, run it with ${flag}`);
  }
  const found = problems.length > 0 ? problems.join("; ") : `none is known for ${Deno.build.os}`;
  throw new Error(
    `Cannot use the system's BLAS: ${found}. Install OpenBLAS (Debian: apt install libopenblas0-pthread), ` +
      "or leave out --blas on",
  );
}

/** Libraries that are open: one is never closed, since jobs may be under way in it. */
const opened = new Map<string, Blas>();

function open({ path, kind }: Candidate): Blas {
  const known = opened.get(path);
  if (known) return known;
  const name = kind === "OpenBLAS" ? prepareOpenBlas(path) : kind;
  const { symbols: { cblas_sgemm } } = Deno.dlopen(path, SYMBOLS);
  const blas: Blas = {
    name,
    open: (memory) => bindSgemm(cblas_sgemm, memory),
    // Accelerate shares the work between cores itself, with units that the cores own together.
    workerSource: kind === "OpenBLAS"
      ? `(memory) => (${bindSgemm})(` +
        `Deno.dlopen(${JSON.stringify(path)}, ${JSON.stringify(SYMBOLS)}).symbols.cblas_sgemm, memory)`
      : undefined,
  };
  checkSgemm(blas);
  opened.set(path, blas);
  return blas;
}

/** Order, transposes, M, N, K, alpha; a, lda, b, ldb, beta, c, ldc. */
const SYMBOLS = {
  cblas_sgemm: {
    parameters: [
      ...["i32", "i32", "i32", "i32", "i32", "i32", "f32"] as const,
      ...["buffer", "i32", "buffer", "i32", "f32", "buffer", "i32"] as const,
    ],
    result: "void",
  },
} as const;

type CblasSgemm = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"]["cblas_sgemm"];

/** The function over a memory. Its source goes to the workers too: nothing outside it exists there. */
function bindSgemm(sgemm: CblasSgemm, memory: WebAssembly.Memory): Sgemm {
  // Views, passed without a copy: making pointers takes the permission to load any library at all.
  const at = (address: number) => new Uint8Array(memory.buffer, address >>> 0);
  const ROW_MAJOR = 101;
  const NO_TRANSPOSE = 111; // 112 transposes
  return (transposeA, transposeB, M, N, K, a, lda, b, ldb, beta, c, ldc) => {
    const [opA, opB] = [NO_TRANSPOSE + transposeA, NO_TRANSPOSE + transposeB];
    sgemm(ROW_MAJOR, opA, opB, M, N, K, 1, at(a), lda, at(b), ldb, beta, at(c), ldc);
  };
}

/**
 * Makes OpenBLAS compute on the thread that calls it, and says which it is.
 *
 * @throws {Error} If it is built for 64-bit sizes, or not for calls from several threads.
 */
function prepareOpenBlas(path: string): string {
  const { symbols } = Deno.dlopen(path, {
    openblas_get_config: { parameters: [], result: "pointer" },
    openblas_get_parallel: { parameters: [], result: "i32" },
    openblas_set_num_threads: { parameters: ["i32"], result: "void" },
    // The C library's, which the search for a symbol finds behind it: reading a pointer ourselves takes a wider permission.
    strncpy: { parameters: ["buffer", "pointer", "usize"], result: "pointer" },
  });
  const text = new Uint8Array(256);
  symbols.strncpy(text, symbols.openblas_get_config(), BigInt(text.length));
  const config = new TextDecoder().decode(text.subarray(0, text.indexOf(0)));
  if (/USE64BITINT/.test(config)) throw new Error(`it is built for 64-bit sizes (${config})`);
  if (symbols.openblas_get_parallel() === 0) {
    throw new Error(`it is built for a single thread and not safe to call from several (${config})`);
  }
  symbols.openblas_set_num_threads(1);
  return /^OpenBLAS [\d.]*\d/.exec(config)?.[0] ?? "OpenBLAS";
}
