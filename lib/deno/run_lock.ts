// This module runs in Deno only.
/** One run a folder: two that wrote their checkpoints over each other would leave neither. */

/** A folder that is this process's own until it is disposed of, or the process ends. */
export interface RunLock extends Disposable {
  /** The process that left the folder without giving it back: it was killed. */
  readonly left?: number;
}

/**
 * Locks a run's folder. The system takes a dead process's lock away, so that none is ever in the way of the next run.
 *
 * @throws {Error} If a living process has it: with its id.
 */
export async function lockRun(dir: string): Promise<RunLock> {
  const path = `${dir}/run.lock`;
  for (;;) {
    const file = await Deno.open(path, { read: true, write: true, create: true });
    const owner = await readOwner(path);
    if (!await file.tryLock(true)) {
      file.close();
      throw new Error(
        `Cannot start a run in ${dir}: ${
          owner ? `process ${owner}` : "another process"
        } is running one there, ` +
          `wait for it, stop it, or choose another folder with --out`,
      );
    }
    // Who had it may have removed it between our opening and our locking: then it is no longer the folder's lock.
    if (!await isAt(path, file)) {
      file.close();
      continue;
    }
    await file.truncate();
    await file.write(new TextEncoder().encode(`${Deno.pid}\n`));
    return {
      left: owner,
      [Symbol.dispose]() {
        if (Deno.build.os === "windows") file.truncateSync(); // an open file cannot be removed there
        else Deno.removeSync(path); // first: once the lock is open, another's file may lie there
        file.close();
      },
    };
  }
}

async function readOwner(path: string): Promise<number | undefined> {
  try {
    return Number.parseInt(await Deno.readTextFile(path)) || undefined;
  } catch (error) {
    if (Deno.build.os === "windows") return undefined; // a locked file cannot be read there
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Whether the path still leads to this open file. */
async function isAt(path: string, file: Deno.FsFile): Promise<boolean> {
  try {
    return (await Deno.stat(path)).ino === (await file.stat()).ino;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
