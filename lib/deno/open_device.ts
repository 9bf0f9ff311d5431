// This module runs in Deno only.
import type { Backend } from "../backend/backend.ts";
import { type DeviceName, openBackend } from "../backend/open.ts";
import type { Precision } from "../train/recipe.ts";
import { type BlasChoice, openBlas } from "./blas.ts";

const RUNTIME_DIR = "XDG_RUNTIME_DIR";

/** What a person asked for, see `device_options.ts`. */
export interface DeviceWish {
  /** Default "auto". */
  readonly device?: DeviceName;
  /** "f16": a device with storage of half floats. Default "f32". */
  readonly precision?: Precision;
  /** Default "auto". */
  readonly blas?: BlasChoice;
  /** Threads of the CPU that compute. Default: as many as it has cores. */
  readonly threads?: number;
}

/**
 * Opens the device that a person asked for: as {@linkcode openBackend}, with the system's BLAS on the CPU, and without
 * the complaints of graphics drivers.
 *
 * @throws {Error} If "webgpu" is asked for and there is no adapter, a BLAS and there is none, or f16 and there is none.
 */
export async function openDevice(wish: DeviceWish = {}): Promise<Backend> {
  const { device = "auto", precision = "f32", blas = "auto", threads } = wish;
  if (device !== "cpu") quietGraphics();
  if (blas === "on" && device === "webgpu") {
    throw new Error(
      "Cannot use the system's BLAS: it computes on the CPU, leave out --blas on or --device webgpu",
    );
  }
  return await openBackend(device, { threads, blas: () => openBlas(blas), halves: precision === "f16" });
}

/**
 * Names a folder to Linux's graphics drivers where the system has named none (containers, cron, ssh): they print
 * "error: XDG_RUNTIME_DIR is invalid" otherwise, and use it for nothing here. Call it before the first adapter is
 * asked for. Without `--allow-env=XDG_RUNTIME_DIR` it does nothing.
 */
export function quietGraphics(): void {
  if (Deno.build.os !== "linux") return;
  const permission = Deno.permissions.querySync({ name: "env", variable: RUNTIME_DIR });
  if (permission.state !== "granted" || Deno.env.get(RUNTIME_DIR)) return;
  Deno.env.set(RUNTIME_DIR, "/tmp");
}
