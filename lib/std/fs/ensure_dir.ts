// This module runs in Deno only. It stands in for the function of the same name in jsr:@std/fs; see README.
/**
 * Makes sure that a directory exists, with its parents.
 *
 * @throws {Error} If the path exists and is not a directory.
 */
export async function ensureDir(dir: string | URL): Promise<void> {
  try {
    const info = await Deno.stat(dir);
    if (info.isDirectory) return;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    await Deno.mkdir(dir, { recursive: true });
    return;
  }
  throw new Error(`Cannot make the folder ${dir}: a file with this name exists`);
}
