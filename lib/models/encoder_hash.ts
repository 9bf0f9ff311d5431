// This module is browser compatible.
import { sha256 } from "../data/sha256.ts";
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
    const numbers = Float32Array.from(await tensor.read());
    parts.push([name, tensor.shape, await sha256(new Uint8Array(numbers.buffer))]);
  }
  return await sha256(JSON.stringify(parts));
}
