// This module runs in Deno only.
/** A tiny model with its pictures and captions, for tests of commands. */
import assert from "node:assert/strict";
import { parseSafetensors, type SafetensorsFile, serialiseSafetensors } from "../lib/data/safetensors.ts";
import { sealed } from "../lib/data/seal.ts";
import { type Coco, task, TINY, writeCoco } from "./commands.ts";

/** Where everything is, once prepared. */
export let dir = "";
/** The model, and one of the pictures. */
export let model = "";
export let good = "";
/** Their captions. */
export let coco: Coco;

/** A tiny model, pictures and captions, shared by all tests. */
export async function prepare(): Promise<void> {
  dir = await Deno.makeTempDir();
  coco = await writeCoco(dir);
  good = `${dir}/photos/100.jpg`;
  model = `${dir}/run/model.safetensors`;
  const { code, stderr } = await task("train", ...trainOn({}), "--steps", "4");
  assert.equal(code, 0, stderr);
}

/** Arguments of a training that would succeed but for what is given. */
export function trainOn({ annotations = "captions.json", images = "photos", out = "run" }): string[] {
  const at = (name: string) => name.startsWith("/") ? name : `${dir}/${name}`;
  return [...TINY, "--data", `${dir}/data`, "--out", at(out)]
    .concat("--annotations", at(annotations), "--images", at(images));
}

/** A file of `dir` with these contents. */
export async function file(name: string, contents: string | Uint8Array): Promise<string> {
  const bytes = typeof contents === "string" ? new TextEncoder().encode(contents) : contents;
  await Deno.writeFile(`${dir}/${name}`, bytes);
  return `${dir}/${name}`;
}

/** The model with changes, as a file. */
export async function changedModel(
  name: string,
  change: (file: SafetensorsFile) => Partial<SafetensorsFile>,
) {
  const original = parseSafetensors(await Deno.readFile(model), model);
  const parts = serialiseSafetensors(await sealed({ ...original, ...change(original) }));
  return await file(
    `${name}.safetensors`,
    new Uint8Array(await new Blob(parts.map((part) => part.slice())).arrayBuffer()),
  );
}

/** Lines that are not empty. */
export const lines = (text: string) => text.split("\n").filter((line) => line !== "");
