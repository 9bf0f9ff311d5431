// This module runs in Deno only.
/** PyTorch's reference as a contestant: its own timing script, run as a process in each round. */

import type { Contestant, Runner } from "../bench/contestant.ts";
import { STEP_WORK } from "../bench/step_work.ts";

/** Where a Python with torch may be. */
const PYTHONS = ["python3", "/usr/bin/python3"] as const;
/** Steps that a process takes in one round, after its own warm-up. */
const STEPS = 10;

/**
 * Finds a Python that has a package.
 *
 * @throws {Error} If there is none, or the task may not run it.
 */
export async function findPython(packageName: "torch" | "numpy"): Promise<string> {
  for (const python of PYTHONS) {
    try {
      const { success } = await new Deno.Command(python, {
        args: ["-c", `import ${packageName}`],
        stdout: "null",
        stderr: "null",
      }).output();
      if (success) return python;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  throw new Error(`Cannot compare with ${packageName}: neither ${PYTHONS.join(" nor ")} can import it`);
}

/**
 * Opens the reference with so many threads.
 *
 * @param dir Folder of `bench_step.py`.
 */
export async function openPytorch(dir: string, threads: number): Promise<Contestant> {
  const python = await findPython("torch");
  const script = `${dir}/bench_step.py`;
  await Deno.stat(script);
  const runner = (args: readonly string[], field?: string): Runner => ({
    fixedTimes: STEPS,
    async run(times) {
      const output = await new Deno.Command(python, {
        args: [script, "--threads", `${threads}`, "--steps", `${times}`, ...args],
        stderr: "inherit",
      }).output();
      if (!output.success) throw new Error(`Cannot time PyTorch: ${script} exited with code ${output.code}`);
      const result = JSON.parse(new TextDecoder().decode(output.stdout));
      return (field ? result[field] : result).median_ms * times;
    },
    check: () => Promise.resolve(undefined), // the goldens compare its numbers with ours
    dispose() {},
  });
  return {
    peer: "PyTorch",
    device: "cpu",
    threads,
    prepare(work) {
      const { batch, size, words } = STEP_WORK;
      const sizes = ["--batch", `${batch}`, "--size", `${size}`, "--vocab", `${words}`];
      if (work === STEP_WORK) return Promise.resolve(runner(sizes));
      const one = work.kind === "caption" && work.pictures === 1;
      return Promise.resolve(one ? runner([...sizes, "--decode"], "beam5_one_image") : undefined);
    },
    close() {},
  };
}
