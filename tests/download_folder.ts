// This module runs in Deno only.
/** Folders for tests of downloads: removed at the end. */

/** Options that wait for nothing long. */
export const QUICK = { backoffMs: 1, stallMs: 5_000 };

const root = Deno.makeTempDirSync({ prefix: "showtell-download-" });

globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

let folders = 0;

/** A fresh folder. */
export const folder = () => `${root}/${folders++}`;

/** Names in a folder, sorted. */
export function names(dir: string): string[] {
  return [...Deno.readDirSync(dir)].map(({ name }) => name).sort();
}
