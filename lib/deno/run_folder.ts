// This module runs in Deno only.
/** The folder of a training run: this process's own, whole, and cleared of what must not be mixed up with it. */

import { type FoundCheckpoint, removeRun, runFiles } from "./checkpoints.ts";
import { lockRun } from "./run_lock.ts";
import { checkpointToResume, refuseOldRun } from "./training.ts";
import { ensureWritable, removeIfThere } from "./write_file.ts";

/** What the flags say of a run's folder. */
export interface FolderFlags {
  /** The run's folder. */
  readonly out: string;
  /** Go on from the checkpoint there. */
  readonly resume: boolean;
  /** Start anew although there is one. */
  readonly fresh: boolean;
}

/** A folder ready for a run. Dispose of it at the end: it is locked until then. */
export interface RunFolder extends Disposable {
  readonly dir: string;
  readonly files: ReturnType<typeof runFiles>;
  /** The checkpoint to go on from, where that was asked for. */
  readonly found?: FoundCheckpoint;
  /** Removes an earlier run, where that was asked for: once the new one can start. */
  clear(): Promise<void>;
}

/**
 * Makes sure, before anything takes long, that a run can be kept in its folder.
 *
 * @throws {Error} If the folder cannot be written, another process runs there, it holds a run that would be lost, or
 * nothing to resume.
 */
export async function openRunFolder({ out, resume, fresh }: FolderFlags): Promise<RunFolder> {
  await ensureWritable(out);
  const lock = await lockRun(out);
  try {
    const files = runFiles(out);
    if (lock.left) {
      console.error(`process ${lock.left} left its run in ${out} without an end: killed, it seems`);
    }
    // What a killed process had half written takes room and is of no use.
    for (const path of Object.values(files)) await removeIfThere(`${path}.tmp`);
    const found = resume ? await checkpointToResume(out) : undefined;
    if (!resume && !fresh) await refuseOldRun(out);
    const clear = async () => {
      if (fresh) await removeRun(out);
    };
    return { dir: out, files, found, clear, [Symbol.dispose]: () => lock[Symbol.dispose]() };
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}
