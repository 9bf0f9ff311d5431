// This module runs in Deno only.
import type { Backend } from "../backend/backend.ts";
import { CaptionModel } from "../models/caption_model.ts";
import { type LoadedModel, modelFromFile, type ModelInfo } from "../models/model_file.ts";
import { Vocabulary } from "../text/vocabulary.ts";
import { agree, type Communicator } from "../train/communicator.ts";
import { shareTensors } from "../train/team_run.ts";
import { findModel } from "./find_model.ts";
import { loadModel } from "./model_disk.ts";
import type { RunFolder } from "./run_folder.ts";

/** Which model a run starts from. */
export interface StartOptions {
  /** The trained model. Default: the newest in the folder `data`. */
  readonly from?: string;
  readonly data: string;
  /** The run's folder; undefined on all processes but the first. */
  readonly folder: RunFolder | undefined;
}

/**
 * Loads the model that a self-critical run starts from: a trained one, or the run's own checkpoint.
 *
 * Process 0 reads it. The others build theirs after what it says, and get its weights: they tell whose features fit.
 *
 * @throws {Error} If there is none.
 */
export async function startingModel(
  backend: Backend,
  group: Communicator,
  options: StartOptions,
): Promise<LoadedModel> {
  const read = options.folder && await readModel(backend, options.folder, options);
  const info = agree(group, read?.info)!; // process 0 has read it
  const loaded = read ?? emptyModel(backend, info);
  if (group.size > 1) await shareTensors(group, loaded.model.parameters.all);
  return loaded;
}

/** A model whose weights are yet to come. */
function emptyModel(backend: Backend, info: ModelInfo): LoadedModel {
  const vocabulary = new Vocabulary(info.words);
  const stored = { words: vocabulary.size, seed: null, activations: activationsOn(backend) };
  return { model: new CaptionModel(backend, info.config, stored), vocabulary, info };
}

async function readModel(
  backend: Backend,
  { found }: RunFolder,
  { from, data }: StartOptions,
): Promise<LoadedModel> {
  if (found) return modelFromFile(backend, found.file, found.path, { activations: activationsOn(backend) });
  return await loadModel(backend, from ?? await findModel(data), { trained: true });
}

function activationsOn({ halves }: Backend): "f16" | "f32" {
  return halves ? "f16" : "f32";
}
