// This module is browser compatible.
/** Our own contestants on this machine's devices. */

import { openCpu } from "../backend/cpu.ts";
import { openWebgpu } from "../backend/webgpu.ts";
import type { Contestant } from "./contestant.ts";
import { ourContestant } from "./ours.ts";

/** What to open. */
export interface DeviceChoice {
  readonly devices: readonly ("cpu" | "webgpu")[];
  /** Numbers of threads of the CPU, each a contestant. */
  readonly threads: readonly number[];
}

/** Opens ours on every device that was chosen. */
export async function openContestants({ devices, threads }: DeviceChoice): Promise<Contestant[]> {
  const contestants: Contestant[] = [];
  if (devices.includes("cpu")) {
    for (const count of threads) contestants.push(ourContestant(await openCpu({ threads: count }), count));
  }
  if (devices.includes("webgpu")) contestants.push(ourContestant(await openWebgpu()));
  return contestants;
}

/** Whether an adapter is a CPU that plays a GPU. Undefined where there is no adapter. */
export async function softwareAdapter(): Promise<boolean | undefined> {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  return adapter?.info.isFallbackAdapter;
}
