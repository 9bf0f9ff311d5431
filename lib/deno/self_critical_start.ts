// This module runs in Deno only.
import type { Backend } from "../backend/backend.ts";
import { type LoadedModel, modelFromFile } from "../models/model_file.ts";
import { findModel } from "./find_model.ts";
import { loadModel } from "./model_disk.ts";
import type { RunFolder } from "./run_folder.ts";

/**
 * Loads the model that a self-critical run starts from: a trained one, or the run's own checkpoint.
 *
 * @param options `from`: the trained model; default: the newest in the folder `data`.
 * @throws {Error} If there is none.
 */
export async function startingModel(
  backend: Backend,
  { found }: RunFolder,
  { from, data }: { readonly from?: string; readonly data: string },
): Promise<LoadedModel> {
  if (found) {
    return modelFromFile(backend, found.file, found.path, {
      activations: backend.halves ? "f16" : "f32",
    });
  }
  return await loadModel(backend, from ?? await findModel(data), { trained: true });
}
