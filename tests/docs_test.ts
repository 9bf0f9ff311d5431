// This module runs in Deno only.
/** What the docs promise: the program in docs/reading.md prints what the page says, and the files it names are there. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";

const ROOT = new URL("../", import.meta.url);
const PAGE = Deno.readTextFileSync(new URL("docs/reading.md", ROOT));

describe("docs/reading.md", () => {
  it("has a whole training that prints what it says", async () => {
    const [, program, printed] = /```ts\n(.*?)```.*?```\n(.*?)```/s.exec(PAGE)!;
    const path = await Deno.makeTempFile({ suffix: ".ts" });
    try {
      await Deno.writeTextFile(path, program.replaceAll('"../lib/', `"${new URL("lib/", ROOT)}`));
      const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--no-prompt", "--no-check", "--config", new URL("deno.json", ROOT).pathname, path],
        env: { NO_COLOR: "1" },
      }).output();
      const text = new TextDecoder().decode(stdout);
      const numbers = (lines: string) => [...lines.matchAll(/\d\.\d+/g)].map(Number);
      const words = (lines: string) => lines.replaceAll(/\d\.\d+/g, "…");
      assert.equal(words(text), words(printed), new TextDecoder().decode(stderr));
      const losses = numbers(printed);
      for (const [i, loss] of numbers(text).entries()) assert.ok(Math.abs(loss - losses[i]) < 0.05, text);
    } finally {
      await Deno.remove(path);
    }
  });

  it("names files that there are", () => {
    const cells = PAGE.split("\n").filter((line) => line.startsWith("| ")).map((line) => line.split("|")[2]);
    const paths = cells.flatMap((cell) => {
      let folder = "";
      return [...cell.matchAll(/`([\w/]+\.ts)`/g)].map(([, path]) => {
        if (path.includes("/")) folder = path.slice(0, path.lastIndexOf("/") + 1);
        return path.includes("/") ? path : folder + path; // a bare name is in the folder of the one before
      });
    });
    const others = [...PAGE.matchAll(/`(kernels\/\w+\.(?:ts|wgsl))`/g)].map(([, path]) => path);
    assert.ok(paths.length > 25);
    for (const path of [...paths, ...others]) assert.ok(Deno.statSync(new URL(path, ROOT)).isFile, path);
  });
});

describe("README.md and docs", () => {
  it("name tests and pages that there are", () => {
    const pages = [
      "README.md",
      ...[...Deno.readDirSync(new URL("docs", ROOT))].map(({ name }) => `docs/${name}`),
    ];
    const paths = pages.flatMap((page) => {
      const text = Deno.readTextFileSync(new URL(page, ROOT));
      return [...text.matchAll(/\b(?:tests\/[\w/]+\.ts|docs\/\w+\.md)\b/g)].map(([path]) => path);
    });
    assert.ok(paths.length > 40, `${paths.length}`);
    const missing = paths.filter((path) => {
      try {
        return !Deno.statSync(new URL(path, ROOT)).isFile;
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
        return true;
      }
    });
    assert.deepEqual([...new Set(missing)], []);
  });
});
