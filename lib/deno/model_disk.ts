// This module runs in Deno only.
/** Models and checkpoints as files. */

import type { Backend } from "../backend/backend.ts";
import { parseSafetensors, type SafetensorsFile, serialiseSafetensors } from "../data/safetensors.ts";
import { checkSeal, sealed } from "../data/seal.ts";
import { type LoadedModel, modelFromFile } from "../models/model_file.ts";
import { writeFileAtomic } from "./write_file.ts";

/**
 * Reads a safetensors file.
 *
 * @param hint What to do when it is not there.
 * @throws {Error} If it is not there or cannot be read.
 * @throws {SyntaxError} If it is cut off, is not safetensors, or differs from its checksum, where it has one.
 */
export async function readSafetensors(path: string, hint?: string): Promise<SafetensorsFile> {
  const file = parseSafetensors(await readBytes(path, hint), path);
  await checkSeal(file, path);
  return file;
}

/**
 * Reads a whole file.
 *
 * @param hint What to do when it is not there.
 * @throws {Error} If it is not there or cannot be read.
 */
export async function readBytes(path: string, hint = "check the path"): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    throw new Error(`Cannot read ${path}: ${whyUnreadable(error, hint)}`, { cause: error });
  }
}

function whyUnreadable(error: unknown, hint: string): string {
  if (error instanceof Deno.errors.NotFound) return `not found, ${hint}`;
  if (error instanceof Deno.errors.IsADirectory) return "it is a folder, name the file in it";
  return error instanceof Error ? error.message : String(error);
}

/** Writes a safetensors file with a checksum: whole or not at all. */
export async function writeSafetensors(path: string, file: SafetensorsFile): Promise<void> {
  await writeFileAtomic(path, serialiseSafetensors(await sealed(file)));
}

/**
 * Loads a model onto a device, in half floats where the device was opened for them. Throws as {@linkcode readSafetensors}
 * and modelFromFile do.
 *
 * @param options `trained`: it is about to be trained, so its weights stay f32. Default false.
 */
export async function loadModel(
  backend: Backend,
  path: string,
  { trained = false }: { readonly trained?: boolean } = {},
): Promise<LoadedModel> {
  const hint = "run `deno task demo` or `deno task train` first, or name another with --model";
  const type = backend.halves ? "f16" : "f32";
  return modelFromFile(backend, await readSafetensors(path, hint), path, {
    activations: type,
    weights: trained ? "f32" : type,
  });
}

/**
 * Loads models that write together, for captioning alone: batch norms are folded into convolutions.
 *
 * Throws as {@linkcode loadModel} does.
 */
export async function loadModels(
  backend: Backend,
  paths: readonly string[],
): Promise<readonly [LoadedModel, ...LoadedModel[]]> {
  const [first, ...others] = paths;
  const load = async (path: string) => {
    const loaded = await loadModel(backend, path);
    loaded.model.encoder.fold();
    return loaded;
  };
  const models = [];
  for (const path of others) models.push(await load(path));
  return [await load(first), ...models];
}
