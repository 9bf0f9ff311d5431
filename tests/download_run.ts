// This module runs in Deno only.
/** scripts/1_download.ts in a process of its own, for tests. */
import { captionsJson } from "./coco_files.ts";
import { CocoHost } from "./coco_host.ts";

const PERMISSIONS = [
  "--no-prompt",
  "--allow-net=127.0.0.1",
  "--allow-read",
  "--allow-write",
  "--allow-sys=statfs",
];
/** Where the captions are. */
export const ANNOTATIONS = "/annotations/annotations_trainval2014.zip";

const root = Deno.makeTempDirSync({ prefix: "showtell-script-" });
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));
let folders = 0;
/** A fresh folder. */
export const folder = () => `${root}/${folders++}`;

/** Starts the script. */
export function start(args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", ...PERMISSIONS, "scripts/1_download.ts", ...args],
    cwd: new URL("..", import.meta.url),
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Runs the script to its end. */
export async function run(args: readonly string[]) {
  const { code, stdout, stderr } = await start(args).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** The arguments that make the script load from a host photos that are none but by their markers. */
export const from = (host: CocoHost, data: string) => [...fromHost(host, data), "--decode", "no"];
/** The arguments that make the script load from a host. */
export const fromHost = (host: CocoHost, data: string) => [
  ...["--mirror", host.url],
  ...["--checksum", "skip"],
  ...["--data", data],
];

/** All files below a folder by path, the report left out. */
export function tree(dir: string, prefix = ""): Record<string, Uint8Array> {
  const files: Record<string, Uint8Array> = {};
  for (const { name, isDirectory } of Deno.readDirSync(dir)) {
    if (isDirectory) Object.assign(files, tree(`${dir}/${name}`, `${prefix}${name}/`));
    else if (name !== "download-report.json") files[prefix + name] = Deno.readFileSync(`${dir}/${name}`);
  }
  return files;
}

/** Text as bytes. */
export const bytes = (text: string) => new TextEncoder().encode(text);
/** Photos by their paths in the data folder. */
export const inImg = (photos: Record<string, Uint8Array>) =>
  Object.fromEntries(Object.entries(photos).map(([name, data]) => [`img/${name}`, data]));
/** The caption files of both splits, by path. */
export const COCO2014 = {
  "annotations/captions_train2014.json": bytes(captionsJson("train2014")),
  "annotations/captions_val2014.json": bytes(captionsJson("val2014")),
};
/** What the last run reported. */
export const readReport = (data: string) => JSON.parse(Deno.readTextFileSync(`${data}/download-report.json`));
