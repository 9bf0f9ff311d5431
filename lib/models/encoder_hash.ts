// This module is browser compatible.
import type { Parameters } from "../nn/parameters.ts";

/**
 * SHA-256 of an encoder's tensors, running statistics included, with their names and shapes: two encoders with the
 * same hash and configuration make the same features.
 *
 * @returns 64 hexadecimal digits.
 */
export async function encoderHash(parameters: Parameters): Promise<string> {
  const parts = [];
  for (const { name, tensor } of parameters.all) {
    if (!name.startsWith("encoder.")) continue;
    parts.push([name, tensor.shape, await sha256(Float32Array.from(await tensor.read()))]);
  }
  return await sha256(new TextEncoder().encode(JSON.stringify(parts)));
}

async function sha256(data: Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
