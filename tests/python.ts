// This module runs in Deno only.
/** The system's Python with PyTorch: what some proofs are made with on the spot. */

import { IN_CI } from "./fixtures.ts";

/** Debian's own Python, for which its python3-torch is installed; another may come first on the path. */
export const PYTHON = "/usr/bin/python3";

/** Whether tests that need PyTorch are to be ignored. In CI they never are. */
export const lacksTorch = !IN_CI && !await canImport("torch");

async function canImport(module: string): Promise<boolean> {
  try {
    const args = ["-c", `import ${module}`];
    return (await new Deno.Command(PYTHON, { args, stdout: "null", stderr: "null" }).output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/**
 * Runs a Python script to its end.
 *
 * @returns What it printed.
 * @throws {Error} If it failed, with its last words.
 */
export async function python(script: string, ...args: string[]): Promise<string> {
  const env = { OMP_NUM_THREADS: "2", OPENBLAS_NUM_THREADS: "1", PYTHONDONTWRITEBYTECODE: "1" };
  const output = await new Deno.Command(PYTHON, { args: [script, ...args], env }).output();
  const [stdout, stderr] = [output.stdout, output.stderr].map((bytes) => new TextDecoder().decode(bytes));
  if (!output.success) throw new Error(`Cannot run ${script} ${args.join(" ")}: ${stderr.slice(-2000)}`);
  return stdout;
}
