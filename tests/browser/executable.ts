// This module runs in Deno only.
import { IN_CI } from "../fixtures.ts";

/** The browser that tests drive: Debian's. */
export const EXECUTABLE = "/usr/bin/chromium";

/** Whether there is no browser. In CI there must be one. */
export const lacksChromium = !IN_CI && !exists(EXECUTABLE);

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
