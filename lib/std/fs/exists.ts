// This module runs in Deno only. It stands in for the function of the same name in jsr:@std/fs; see README.
/** What {@linkcode exists} asks for beyond existence. */
export interface ExistsOptions {
  /** Only a file counts. Default false. */
  isFile?: boolean;
  /** Only a directory counts. Default false. */
  isDirectory?: boolean;
}

/** Whether a path exists (and is of the kind asked for). */
export async function exists(path: string | URL, options: ExistsOptions = {}): Promise<boolean> {
  try {
    const info = await Deno.stat(path);
    if (options.isFile) return info.isFile;
    if (options.isDirectory) return info.isDirectory;
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw error;
  }
}
