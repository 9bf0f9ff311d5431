// This module is browser compatible.
import type { Backend } from "./backend.ts";
import { type CpuOptions, openCpu } from "./cpu.ts";

/** Devices a person can ask for. */
export const DEVICES = ["auto", "webgpu", "cpu"] as const;
/** One of {@linkcode DEVICES}. */
export type DeviceName = (typeof DEVICES)[number];

/**
 * Opens a device.
 *
 * "auto" takes a GPU where there is one, else the CPU: a software adapter, a CPU that plays a GPU, is slower than
 * the CPU itself.
 *
 * @param options For the CPU, where it is the CPU.
 * @throws {Error} If "webgpu" is asked for and there is no adapter.
 */
export async function openBackend(
  device: DeviceName = "auto",
  options: CpuOptions = {},
): Promise<Backend> {
  if (device === "cpu") return await openCpu(options);
  if (device === "auto") {
    const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
    if (!adapter || adapter.info.isFallbackAdapter) return await openCpu(options);
  }
  const { openWebgpu } = await import("./webgpu.ts"); // loaded only where it is used
  return await openWebgpu();
}
