// This module runs in Deno only.
import type { Backend } from "../backend/backend.ts";
import { type LoadedModel, modelFromFile } from "../models/model_file.ts";
import type { FoundCheckpoint } from "./checkpoints.ts";
import { findModel } from "./find_model.ts";
import { loadModel } from "./model_disk.ts";
import { checkpointToResume, refuseOldRun } from "./training.ts";
import { ensureWritable } from "./write_file.ts";

/** What a self-critical run starts from. */
export interface SelfCriticalStart {
  readonly loaded: LoadedModel;
  /** The checkpoint that it goes on from, if it does. */
  readonly found?: FoundCheckpoint;
}

/** The flags that decide it. */
export interface StartOptions {
  readonly from?: string;
  readonly data: string;
  readonly out: string;
  readonly resume: boolean;
  readonly fresh: boolean;
}

/**
 * Loads the model that a run starts from: a trained one, or the run's own checkpoint.
 *
 * @throws {Error} If there is none, or the folder for results holds an earlier run or cannot be written.
 */
export async function startSelfCritical(backend: Backend, options: StartOptions): Promise<SelfCriticalStart> {
  const { from, data, out, resume, fresh } = options;
  await ensureWritable(out);
  if (!resume) {
    if (!fresh) await refuseOldRun(out);
    return { loaded: await loadModel(backend, from ?? await findModel(data)) };
  }
  const found = await checkpointToResume(out);
  return { loaded: modelFromFile(backend, found.file, found.path), found };
}
