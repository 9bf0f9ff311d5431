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
 * @param options For the CPU, where it is the CPU; `halves`: with f16 storage, default false.
 * @throws {Error} If "webgpu" is asked for and there is no adapter, or f16 storage and the device has none.
 */
export async function openBackend(
  device: DeviceName = "auto",
  options: CpuOptions & { readonly halves?: boolean } = {},
): Promise<Backend> {
  const { halves = false } = options;
  if (device === "webgpu" || (device === "auto" && await hasGpu())) {
    const { openWebgpu } = await import("./webgpu.ts"); // loaded only where it is used
    return await openWebgpu({ halves });
  }
  if (halves) {
    throw new Error(
      "Cannot use f16 on the CPU: it computes in f32 and gains nothing by it, use --precision f32 or --device webgpu",
    );
  }
  return await openCpu(options);
}

async function hasGpu(): Promise<boolean> {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  return adapter != null && !adapter.info.isFallbackAdapter;
}
