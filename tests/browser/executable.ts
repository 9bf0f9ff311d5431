// This module runs in Deno only.

/** The browser that tests drive: Debian's. */
export const EXECUTABLE = "/usr/bin/chromium";
