/** The plan of the house: who may import whom, and what portable code may not touch. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";

const ROOT = new URL("../", import.meta.url).pathname;

interface Source {
  /** From the root of the project. */
  readonly path: string;
  readonly text: string;
}

function* sourcesIn(folder: string): Generator<Source> {
  for (const entry of Deno.readDirSync(`${ROOT}${folder}`)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* sourcesIn(path);
    else if (/\.ts$/.test(path)) yield { path, text: Deno.readTextFileSync(`${ROOT}${path}`) };
  }
}

/** Files that a module imports, from the root of the project. */
function importsOf({ path, text }: Source): string[] {
  const specifiers = text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g);
  return [...specifiers].map(([, specifier]) => new URL(specifier, `file:///${path}`).pathname.slice(1));
}

/** Code without comments: prose may speak of anything. */
function code(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
}

const sources = ["kernels", "lib", "scripts"].flatMap((folder) => [...sourcesIn(folder)]);
const denoOnly = ({ path }: Source) => /^lib\/(deno|std)\//.test(path) || path.startsWith("scripts/");

describe("the house", () => {
  it("has sources to check", () => {
    assert.ok(sources.length > 150, `${sources.length} files`);
  });

  it("imports one way: scripts, lib, kernels, nothing", () => {
    const wrong = sources.flatMap((source) =>
      importsOf(source).filter((target) =>
        (source.path.startsWith("kernels/") && !target.startsWith("kernels/")) ||
        (source.path.startsWith("lib/") && !/^(lib|kernels)\//.test(target)) ||
        (!denoOnly(source) && /^lib\/(deno|std)\//.test(target))
      ).map((target) => `${source.path} imports ${target}`)
    );
    assert.deepEqual(wrong, []);
  });

  it("keeps Deno, node and the console out of portable code", () => {
    const wrong = sources.filter((source) => !denoOnly(source))
      .filter(({ text }) => /\bDeno\.|\bconsole\.|"node:/.test(code(text)))
      .map(({ path }) => path);
    assert.deepEqual(wrong, []);
  });

  it("turns a module's URL into a path as Deno does: its pathname has %20 where the folder has a space", () => {
    const wrong = sources.filter(({ text }) => /import\.meta[^;]*\.pathname/.test(code(text))).map((
      { path },
    ) => path);
    assert.deepEqual(wrong, []);
  });

  it("says in every library file's first line where it runs", () => {
    const wrong = sources.filter(({ path }) => !path.startsWith("scripts/"))
      .filter((source) =>
        !source.text.startsWith(
          denoOnly(source) ? "// This module runs in Deno only." : "// This module is browser compatible.",
        )
      )
      .map(({ path }) => path);
    assert.deepEqual(wrong, []);
  });

  it("says on top of every script how it runs without its task, and with which permissions", () => {
    const wrong = sources.filter(({ path }) => path.startsWith("scripts/")).filter(({ path, text }) => {
      const comment = text.slice(0, text.indexOf("*/")).replaceAll(/\\\n \*/g, "");
      return !new RegExp(` deno run( +--allow-\\S+)+ +${path}`).test(comment);
    }).map(({ path }) => path);
    assert.deepEqual(wrong, []);
  });

  it("keeps steps of the tutorial under 150 lines and every file under 300", () => {
    const lines = ({ text }: Source) => text.split("\n").length - 1;
    const limit = ({ path }: Source) => path.startsWith("scripts/") ? 150 : 300;
    const wrong = [...sources, ...sourcesIn("tests")].filter((source) => lines(source) >= limit(source))
      .map((source) => `${source.path} has ${lines(source)} lines`);
    assert.deepEqual(wrong, []);
  });
});
