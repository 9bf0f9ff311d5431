// This module runs in Deno only.
/** The project's commands as a person runs them: those of deno.json, with exactly their permissions. */

import assert from "node:assert/strict";
import config from "../deno.json" with { type: "json" };
import { encodeJpeg } from "../lib/deno/encode.ts";
import { pixelsOf } from "../lib/image/pixels.ts";

const ROOT = new URL("..", import.meta.url).pathname;

/** A command of deno.json. */
export type TaskName = keyof typeof config.tasks;

/** How a command ended. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A small and quick model. */
export const TINY = ["--size", "16", "--hidden", "16", "--embedding", "8", "--attention", "8", "--batch", "4"]
  .concat("--min-count", "1", "--device", "cpu");

const SURROUNDINGS = {
  cwd: ROOT,
  env: { NO_COLOR: "1", XDG_RUNTIME_DIR: "" }, // as in a container: graphics drivers complain then
  stdin: "null",
  stdout: "piped",
  stderr: "piped",
} as const;

/** A command to start, with the permissions of its task. */
export function command(name: TaskName, args: readonly string[]): Deno.Command {
  const [, ...words] = config.tasks[name].split(" "); // the first is "deno"
  return new Deno.Command(Deno.execPath(), { ...SURROUNDINGS, args: [...words, ...args] });
}

/** Runs a command to its end. */
export async function task(name: TaskName, ...args: string[]): Promise<Outcome> {
  return await outcome(command(name, args));
}

/** Runs a command that may write no file larger than this, in KiB: where a disk cannot be made small. */
export async function confinedTask(kibibytes: number, name: TaskName, ...args: string[]): Promise<Outcome> {
  const [, ...words] = config.tasks[name].split(" ");
  const script = `trap '' XFSZ; ulimit -f ${kibibytes * 2}; exec "$@"`; // in blocks of 512 bytes
  return await outcome(
    new Deno.Command("sh", {
      ...SURROUNDINGS,
      args: ["-c", script, "sh", Deno.execPath(), ...words, ...args],
    }),
  );
}

async function outcome(command: Deno.Command): Promise<Outcome> {
  const { code, stdout, stderr } = await command.output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, stdout: out, stderr: err };
}

/** Starts a command, sends it a signal as soon as its stderr matches, and waits for its end. */
export async function signalTask(
  name: TaskName,
  args: readonly string[],
  { signal, when }: { readonly signal: Deno.Signal; readonly when: RegExp },
): Promise<Outcome> {
  return await watchTask(name, args, { when, then: (child) => child.kill(signal) });
}

/** Starts a command, does something as soon as its stderr matches, and waits for its end. */
export async function watchTask(
  name: TaskName,
  args: readonly string[],
  { when, then }: {
    readonly when: RegExp;
    readonly then: (child: Deno.ChildProcess) => void | Promise<void>;
  },
): Promise<Outcome> {
  const child = command(name, args).spawn();
  const stdout = new Response(child.stdout).text();
  let stderr = "";
  let done = false;
  for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
    stderr += text;
    if (!done && when.test(stderr)) {
      done = true;
      await then(child);
    }
  }
  const { code } = await child.status;
  assert.ok(done, `it ended before ${when} was seen: ${stderr}`);
  return { code, stdout: await stdout, stderr };
}

/** Runs commands two at a time, as many as a small machine has cores, and returns their outcomes in order. */
export async function tasks(list: readonly (readonly [TaskName, ...string[]])[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  let next = 0;
  const lane = async () => {
    while (next < list.length) {
      const i = next++;
      outcomes[i] = await task(...list[i]);
    }
  };
  await Promise.all([lane(), lane()]);
  return outcomes;
}

/** Captions and pictures as COCO has them. */
export interface Coco {
  images: { id: number; file_name: string }[];
  annotations: { id: number; image_id: number; caption: string }[];
}

/** A word of its own for each picture. */
const NUMBERS = "one two three four five six seven eight nine ten eleven twelve".split(" ");
const COLOURS = { red: [220, 30, 30], green: [30, 200, 40], blue: [30, 40, 220], gray: [128, 128, 128] };

/**
 * Writes `captions.json` and `photos/` with twelve small pictures of one colour each and two captions a picture.
 *
 * @returns What captions.json holds.
 */
export async function writeCoco(dir: string): Promise<Coco> {
  await Deno.mkdir(`${dir}/photos`, { recursive: true });
  const coco: Coco = { images: [], annotations: [] };
  for (const [i, number] of NUMBERS.entries()) {
    const [name, colour] = Object.entries(COLOURS)[i % 4];
    const file_name = `${100 + i}.jpg`;
    const { data } = pixelsOf({ width: 24, height: 16 });
    const pixels = { width: 24, height: 16, data: data.map((_, at) => colour[at % 3] + (at * (i + 7)) % 30) };
    await Deno.writeFile(`${dir}/photos/${file_name}`, await encodeJpeg(pixels));
    coco.images.push({ id: 100 + i, file_name });
    for (const caption of [`Number ${number} is ${name} all over.`, `A ${name} wall.`]) {
      coco.annotations.push({ id: coco.annotations.length, image_id: 100 + i, caption });
    }
  }
  await Deno.writeTextFile(`${dir}/captions.json`, JSON.stringify(coco));
  return coco;
}
