// This module is browser compatible.
/**
 * A checksum in a safetensors file's metadata, over everything else in it: a flipped bit, anywhere, is found.
 *
 * Other readers of the format see one more line of metadata. Files of others have none and are taken as they are.
 */

import { bytesOfElements } from "./dtype.ts";
import type { SafetensorsFile } from "./safetensors.ts";
import { sha256 } from "./sha256.ts";

/** The metadata's key of the checksum. */
export const CHECKSUM = "checksum";

/** The file with its checksum in the metadata; equal contents give equal checksums. */
export async function sealed(file: SafetensorsFile): Promise<SafetensorsFile> {
  return { ...file, metadata: { ...file.metadata, [CHECKSUM]: await checksumOf(file) } };
}

/**
 * Compares a file with the checksum it was written with.
 *
 * @param name The file's name, for errors.
 * @returns Whether it has a checksum.
 * @throws {SyntaxError} If the two differ.
 */
export async function checkSeal(file: SafetensorsFile, name: string): Promise<boolean> {
  const written = file.metadata[CHECKSUM];
  if (written === undefined) return false;
  const found = await checksumOf(file);
  if (found === written) return true;
  throw new SyntaxError(
    `Cannot read ${name}: it is damaged: its contents have the checksum ${found}, it was written with ${written}; ` +
      `take a copy of it, or make it again`,
  );
}

/** Over the metadata without the checksum, and each tensor's name, type, shape and bytes; whatever their order. */
async function checksumOf({ metadata, tensors }: SafetensorsFile): Promise<string> {
  const byName = <T>(entries: Iterable<[string, T]>) => [...entries].sort(([a], [b]) => a < b ? -1 : 1);
  const facts = Object.entries(metadata).filter(([key]) => key !== CHECKSUM);
  const parts = await Promise.all(
    byName(tensors).map(async ([name, tensor]) => {
      const digest = await sha256(bytesOfElements(tensor.dtype, tensor.data));
      return [name, tensor.dtype, tensor.shape, digest];
    }),
  );
  return `sha256:${await sha256(JSON.stringify([byName(facts), parts]))}`;
}
