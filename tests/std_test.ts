// This module runs in Deno only.
/** The stand-ins for @std (lib/std) behave as the published packages do: these tests pass with either. */
import assert from "node:assert/strict";
import { parseArgs } from "@std/cli/parse-args";
import { ensureDir } from "@std/fs/ensure-dir";
import { exists } from "@std/fs/exists";
import { afterAll, afterEach, beforeAll, beforeEach, describe, it } from "@std/testing/bdd";

describe("parseArgs()", () => {
  it("reads flags, values, numbers and what is neither", () => {
    assert.deepEqual({ ...parseArgs(["--foo", "--bar=baz", "./quux.txt"]) }, {
      _: ["./quux.txt"],
      foo: true,
      bar: "baz",
    });
    assert.deepEqual({ ...parseArgs(["-a", "beep", "-b", "boop"]) }, { _: [], a: "beep", b: "boop" });
    assert.deepEqual({ ...parseArgs(["-n", "3", "--x=1e3", "0x10", "v1", "-n5"]) }, {
      _: [16, "v1"],
      n: 5,
      x: 1000,
    });
    assert.deepEqual({ ...parseArgs(["-abc", "5"]) }, { _: [], a: true, b: true, c: 5 });
  });

  it("keeps the text of flags declared as strings", () => {
    const args = ["--id", "007", "--empty", "--", "--not-a-flag", "5"];
    const parsed = parseArgs(args, { string: ["id", "empty", "_"] });
    assert.deepEqual({ ...parsed }, { _: ["--not-a-flag", "5"], id: "007", empty: "" });
  });

  it("gives switches no value, but true and false", () => {
    const options = { boolean: ["json", "colour"], negatable: ["colour"] };
    assert.deepEqual({ ...parseArgs(["--json", "file"], options) }, {
      _: ["file"],
      json: true,
      colour: false,
    });
    assert.deepEqual({ ...parseArgs(["--json", "false"], options) }, { _: [], json: false, colour: false });
    assert.deepEqual({ ...parseArgs(["--json=false", "--colour"], options) }, {
      _: [],
      json: false,
      colour: true,
    });
    assert.deepEqual({ ...parseArgs(["--no-colour"], { ...options, default: { colour: true } }) }, {
      _: [],
      json: false,
      colour: false,
    });
  });

  it("collects, knows aliases and defaults", () => {
    const options = {
      string: ["book"],
      collect: ["book"],
      boolean: ["help"],
      alias: { help: "h" },
      default: { n: 1 },
    };
    assert.deepEqual({ ...parseArgs(["--book", "a", "--book", "b", "-h"], options) }, {
      _: [],
      book: ["a", "b"],
      help: true,
      h: true,
      n: 1,
    });
    assert.deepEqual({ ...parseArgs([], options) }, { _: [], book: [], help: false, h: false, n: 1 });
  });

  it("asks about unknown arguments and can stop at the first positional one", () => {
    const asked: unknown[] = [];
    const unknown = (argument: string, key?: string, value?: unknown) => {
      asked.push([argument, key, value]);
      return false;
    };
    const parsed = parseArgs(["--known", "--other", "5", "free"], { boolean: ["known"], unknown });
    assert.deepEqual({ ...parsed }, { _: [], known: true });
    assert.deepEqual(asked, [["--other", "other", "5"], ["free", undefined, undefined]]);
    assert.deepEqual({ ...parseArgs(["-a", "run", "-b"], { boolean: ["a"], stopEarly: true }) }, {
      _: ["run", "-b"],
      a: true,
    });
  });

  it("takes no flag for a value", () => {
    assert.deepEqual({ ...parseArgs(["--out", "--json"], { string: ["out"], boolean: ["json"] }) }, {
      _: [],
      out: "",
      json: true,
    });
  });
});

describe("@std/fs", () => {
  let dir = "";
  beforeAll(() => {
    dir = Deno.makeTempDirSync({ prefix: "showtell-std-" });
  });
  afterAll(() => Deno.removeSync(dir, { recursive: true }));

  it("ensureDir() makes folders with their parents, and is content with those there", async () => {
    await ensureDir(`${dir}/a/b/c`);
    await ensureDir(`${dir}/a/b/c`);
    assert.ok(Deno.statSync(`${dir}/a/b/c`).isDirectory);
    Deno.writeTextFileSync(`${dir}/file`, "");
    await assert.rejects(ensureDir(`${dir}/file`));
  });

  it("exists() tells files from folders", async () => {
    Deno.mkdirSync(`${dir}/folder`);
    Deno.writeTextFileSync(`${dir}/text`, "");
    assert.deepEqual(
      await Promise.all([exists(`${dir}/folder`), exists(`${dir}/text`), exists(`${dir}/none`)]),
      [
        true,
        true,
        false,
      ],
    );
    assert.deepEqual(
      await Promise.all([exists(`${dir}/folder`, { isFile: true }), exists(`${dir}/text`, { isFile: true })]),
      [false, true],
    );
    assert.deepEqual(
      await Promise.all([
        exists(`${dir}/folder`, { isDirectory: true }),
        exists(`${dir}/text`, { isDirectory: true }),
      ]),
      [true, false],
    );
  });
});

const order: string[] = [];
describe("describe() and it()", () => {
  beforeAll(() => void order.push("beforeAll"));
  beforeEach(() => void order.push("beforeEach"));
  afterEach(() => void order.push("afterEach"));
  afterAll(() => {
    order.push("afterAll");
    assert.deepEqual(order, [
      ...["beforeAll", "beforeEach", "first", "afterEach"],
      ...[
        "inner beforeAll",
        "beforeEach",
        "inner beforeEach",
        "second",
        "inner afterEach",
        "afterEach",
        "inner afterAll",
      ],
      "afterAll",
    ]);
  });

  it("run hooks around each test", () => void order.push("first"));

  describe("nested", () => {
    beforeAll(() => void order.push("inner beforeAll"));
    beforeEach(() => void order.push("inner beforeEach"));
    afterEach(() => void order.push("inner afterEach"));
    afterAll(() => void order.push("inner afterAll"));
    it("run the outer hooks outside of the inner ones", () => void order.push("second"));
  });
});
