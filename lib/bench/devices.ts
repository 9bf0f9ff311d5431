// This module is browser compatible.
/** Our own contestants on this machine's devices. */

import type { Blas } from "../../kernels/gemm/mod.ts";
import { openCpu } from "../backend/cpu.ts";
import { openWebgpu } from "../backend/webgpu.ts";
import type { Contestant } from "./contestant.ts";
import { ourContestant } from "./ours.ts";

/** What to open. */
export interface DeviceChoice {
  readonly devices: readonly ("cpu" | "webgpu")[];
  /** Numbers of threads of the CPU, each a contestant. */
  readonly threads: readonly number[];
  /** "f16": ours takes part on the GPU with storage of half floats too. Default "f32". */
  readonly precision?: "f32" | "f16";
}

/**
 * Opens ours on every device that was chosen.
 *
 * @param blas The system's BLAS: ours takes part with it and without it.
 */
export async function openContestants(
  { devices, threads, precision }: DeviceChoice,
  blas?: Blas,
): Promise<Contestant[]> {
  const contestants: Contestant[] = [];
  if (devices.includes("cpu")) {
    for (const library of blas ? [undefined, blas] : [undefined]) {
      for (const count of threads) {
        const backend = await openCpu({ threads: count, blas: () => library });
        contestants.push(ourContestant(backend, { threads: count, blas: library !== undefined }));
      }
    }
  }
  if (devices.includes("webgpu")) {
    for (const halves of precision === "f16" ? [false, true] : [false]) {
      contestants.push(ourContestant(await openWebgpu({ halves })));
    }
  }
  return contestants;
}

/** Whether an adapter is a CPU that plays a GPU. Undefined where there is no adapter. */
export async function softwareAdapter(): Promise<boolean | undefined> {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  return adapter?.info.isFallbackAdapter;
}
