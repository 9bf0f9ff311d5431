// This module runs in Deno only.
import type { Backend } from "../backend/backend.ts";
import { type DeviceName, openBackend } from "../backend/open.ts";

const RUNTIME_DIR = "XDG_RUNTIME_DIR";

/**
 * Opens the device that a person asked for: as {@linkcode openBackend}, without the complaints of graphics drivers.
 *
 * @throws {Error} If "webgpu" is asked for and there is no adapter.
 */
export async function openDevice(device: DeviceName = "auto"): Promise<Backend> {
  if (device !== "cpu") quietGraphics();
  return await openBackend(device);
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
