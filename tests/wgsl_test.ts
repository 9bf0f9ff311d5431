// This module runs in Deno only.
/** Every kernel's WGSL says the same as its TypeScript: names, orders, types and access. */

import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import type { Kernel, Program } from "../kernels/kernel.ts";
import { KERNELS } from "../kernels/mod.ts";

const FOLDER = new URL("../kernels/", import.meta.url);

/** The file that a program comes from: what follows a colon in its name tells variants apart. */
function fileOf(program: Program): string {
  return `${program.name.split(":")[0]}.wgsl`;
}

function programsOf(kernel: Kernel): readonly Program[] {
  return [kernel, ...kernel.variants ?? []];
}

/** `a: u32, b: f32` of struct Params, as pairs. */
function fieldsOf(wgsl: string): [name: string, type: string][] {
  const body = /struct Params \{([^}]*)\}/.exec(wgsl)?.[1] ?? "";
  const plain = body.replace(/\/\/.*/g, "");
  return [...plain.matchAll(/(\w+)\s*:\s*(\w+)/g)].map(([, name, type]) => [name, type]);
}

/** Bindings in the order of their numbers. */
function bindingsOf(wgsl: string): { group: string; binding: number; access: string; name: string }[] {
  const pattern = /@group\((\d+)\)\s*@binding\((\d+)\)\s*var<([^>]*)>\s*(\w+)/g;
  return [...wgsl.matchAll(pattern)]
    .map(([, group, binding, access, name]) => ({ group, binding: Number(binding), access, name }))
    .sort((a, b) => a.binding - b.binding);
}

describe("WGSL", () => {
  it("belongs to a registered kernel, file by file", () => {
    const registered = new Set(KERNELS.flatMap(programsOf).map(fileOf));
    const files = [...Deno.readDirSync(FOLDER)].map(({ name }) => name).filter((name) =>
      name.endsWith(".wgsl")
    );
    assert.deepEqual(files.filter((name) => !registered.has(name)), [], "not in KERNELS of kernels/mod.ts");
  });

  it("has one kernel a name", () => {
    const names = KERNELS.flatMap(programsOf).map(({ name }) => name);
    assert.deepEqual(names.filter((name, i) => names.indexOf(name) !== i), []);
  });

  for (const kernel of KERNELS) {
    it(`of ${kernel.name} has the params, bindings and overrides of its TypeScript`, () => {
      const seen = new Set<string>();
      for (const program of programsOf(kernel)) {
        const file = fileOf(program);
        const overrides = [...program.wgsl.matchAll(/^override (\w+)/gm)].map(([, name]) => name);
        const constants = Object.keys(program.constants ?? {});
        assert.deepEqual(
          constants.filter((name) => !overrides.includes(name)),
          [],
          `${program.name}: no override`,
        );
        if (seen.has(file)) continue;
        seen.add(file);
        assert.equal(
          program.wgsl,
          Deno.readTextFileSync(new URL(file, FOLDER)),
          `${program.name} is not ${file}`,
        );
        assert.deepEqual(fieldsOf(program.wgsl), Object.entries(kernel.params), `struct Params of ${file}`);
        const bindings = [
          ["uniform", "params"],
          ...kernel.inputs.map((name) => ["storage, read", name]),
          ...kernel.outputs.map((name) => ["storage, read_write", name]),
        ];
        const expected = bindings.map(([access, name], binding) => ({ group: "0", binding, access, name }));
        assert.deepEqual(bindingsOf(program.wgsl), expected, `bindings of ${file}`);
        assert.match(program.wgsl, /^fn main\(/m, `${file} has an entry point main`);
      }
    });

    it(`of ${kernel.name} begins with what it computes and where its twin is`, () => {
      for (const program of programsOf(kernel)) {
        const header = /^(\/\/.*\n)+/.exec(program.wgsl)?.[0] ?? "";
        const first = header.split("\n", 1)[0];
        assert.ok(
          first.startsWith(`// ${kernel.name}`) ||
            first.startsWith(`// ${fileOf(program).slice(0, -".wgsl".length)}`),
          `${fileOf(program)} begins with "${first}", should begin with its name`,
        );
        assert.match(
          header,
          /cpu\(\)[^.]* \w+\.ts/,
          `${fileOf(program)} names its twin: "Twin: cpu() in x.ts"`,
        );
      }
    });
  }
});
