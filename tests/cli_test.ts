// This module runs in Deno only.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { HelpRequest, parseOptions, UsageError } from "../lib/deno/cli.ts";
import { editDistance, nearest } from "../lib/deno/cli_nearest.ts";

const OPTIONS = {
  epochs: { default: 20, min: 1, description: "passes over the training captions" },
  learningRate: { default: 4e-4, description: "step size" },
  top5: { default: 5, max: 9, description: "how many" },
  device: { default: "auto", choices: ["auto", "webgpu", "cpu"], description: "what computes" },
  count: { default: 500, choices: ["all"], description: "photos" },
  split: {
    default: ["train", "val"],
    choices: ["train", "val", "test"],
    list: true,
    description: "which parts",
  },
  ids: { type: "integer", list: true, description: "photos by id" },
  out: { description: "where results go", placeholder: "DIR", short: "o" },
  seconds: { type: "number", description: "how long" },
  json: { default: false, description: "print JSON" },
  colour: { default: true, description: "without colours" },
} as const;
const ABOUT = { command: "deno task try", purpose: "Tries options.", examples: ["deno task try --epochs 3"] };
const parse = (...args: string[]) => parseOptions(args, OPTIONS, ABOUT);
const IMAGES = { name: "IMAGE", description: "pictures to caption", min: 1, max: 2 };
const parseImages = (...args: string[]) => parseOptions(args, OPTIONS, { ...ABOUT, positionals: IMAGES });

/** Asserts that arguments are refused with a message. */
function assertUsage(args: string[], message: string, parser = parse): void {
  assert.throws(() => parser(...args), (error) => {
    assert.ok(error instanceof UsageError, String(error));
    assert.equal(error.message, message);
    return true;
  });
}

describe("parseOptions()", () => {
  it("gives defaults where nothing is said", () => {
    assert.deepEqual(parse(), {
      positionals: [],
      epochs: 20,
      learningRate: 4e-4,
      top5: 5,
      device: "auto",
      count: 500,
      split: ["train", "val"],
      ids: [],
      out: undefined,
      seconds: undefined,
      json: false,
      colour: true,
    });
  });

  it("reads values with their types, known to the compiler", () => {
    const options = parse(
      ...[
        "--epochs",
        "3",
        "--learning-rate=1e-3",
        "--device",
        "cpu",
        "--count",
        "all",
        "--split",
        "val,test",
      ],
      ...[
        "--ids",
        "1,2",
        "--ids",
        "3",
        "-o",
        "here",
        "--seconds",
        "0.5",
        "--json",
        "--no-colour",
        "--top-5",
        "1",
      ],
    );
    const typed: {
      readonly epochs: number;
      readonly learningRate: number;
      readonly device: "auto" | "webgpu" | "cpu";
      readonly count: number | "all";
      readonly split: readonly ("train" | "val" | "test")[];
      readonly ids: readonly number[];
      readonly out: string | undefined;
      readonly seconds: number | undefined;
      readonly json: boolean;
      readonly colour: boolean;
    } = options;
    assert.deepEqual({ ...typed }, {
      positionals: [],
      epochs: 3,
      learningRate: 1e-3,
      top5: 1,
      device: "cpu",
      count: "all",
      split: ["val", "test"],
      ids: [1, 2, 3],
      out: "here",
      seconds: 0.5,
      json: true,
      colour: false,
    });
  });

  it("names the nearest flag for an unknown one", () => {
    assertUsage(["--epoch", "3"], "Cannot read --epoch: there is no such option, did you mean --epochs?");
    assertUsage(
      ["--lerning-rate=1"],
      "Cannot read --lerning-rate: there is no such option, did you mean --learning-rate?",
    );
    assertUsage(
      ["--no-jsno"],
      "Cannot read --no-jsno: there is no such option, --help lists those there are",
    );
    assertUsage(
      ["--quantum"],
      "Cannot read --quantum: there is no such option, --help lists those there are",
    );
    assertUsage(["-x"], "Cannot read -x: there is no such option, --help lists those there are");
  });

  it("says what a number must be", () => {
    assertUsage(["--epochs", "x"], "Cannot read --epochs x: expected a whole number of at least 1");
    assertUsage(["--epochs", "0"], "Cannot read --epochs 0: expected a whole number of at least 1");
    assertUsage(["--epochs", "1.5"], "Cannot read --epochs 1.5: expected a whole number of at least 1");
    assertUsage(
      ["--learning-rate", "fast"],
      "Cannot read --learning-rate fast: expected a number of at least 0",
    );
    assertUsage(["--learning-rate=-1"], "Cannot read --learning-rate -1: expected a number of at least 0");
    assertUsage(
      ["--learning-rate", "Infinity"],
      "Cannot read --learning-rate Infinity: expected a number of at least 0",
    );
    assertUsage(["--top-5", "10"], "Cannot read --top-5 10: expected a whole number from 0 to 9");
    assertUsage(
      ["--count", "some"],
      "Cannot read --count some: expected a whole number of at least 0 or all",
    );
    assertUsage(
      ["--ids", "1,,2"],
      "Cannot read --ids: its value is missing, expected a whole number of at least 0",
    );
  });

  it("says what may be chosen", () => {
    assertUsage(
      ["--device", "gpu"],
      "Cannot read --device gpu: expected one of auto, webgpu, cpu; did you mean webgpu?",
    );
    assertUsage(
      ["--split", "train,tset"],
      "Cannot read --split tset: expected one of train, val, test; did you mean test?",
    );
  });

  it("notices missing values, values given twice, and values where none belong", () => {
    assertUsage(["--out"], "Cannot read --out: its value is missing, expected text");
    assertUsage(["--out", "--json"], "Cannot read --out: its value is missing, expected text");
    assertUsage(["--out=", "x"], "Cannot read --out=: expected a value behind the =");
    assertUsage(
      ["--epochs", "1", "--epochs", "2"],
      "Cannot read --epochs: it is given 2 times, expected once",
    );
    assertUsage(["--json=yes"], "Cannot read --json=yes: expected --json or --no-json");
    assert.equal(parse("--json=true").json, true);
  });

  it("takes positional arguments only where they are declared, as they are written", () => {
    assertUsage(["photo.jpg"], 'Cannot read "photo.jpg": expected options only (--help lists them)');
    assert.deepEqual(parseImages("007", "--json", "b.jpg").positionals, ["007", "b.jpg"]);
    assert.deepEqual(parseImages("--", "--json").positionals, ["--json"]);
    assertUsage(["a", "b", "c"], 'Cannot read "c": expected at most 2 IMAGE', parseImages);
    assertUsage(
      [],
      "Cannot start: IMAGE is missing, expected pictures to caption (--help shows an example)",
      parseImages,
    );
  });

  it("answers --help and -h with everything there is, even beside mistakes", () => {
    for (const args of [["--help"], ["-h"], ["--help", "--epochs", "x"]]) {
      assert.throws(() => parseImages(...args), (error) => {
        assert.ok(error instanceof HelpRequest);
        const { message } = error;
        assert.match(message, /^Tries options\.\n\nUsage: deno task try IMAGE… \[options\]\n/);
        assert.match(message, /\n {2}--learning-rate N +step size \(default 0\.0004\)\n/);
        assert.match(message, /\n {2}--count N\|all +photos \(default 500\)\n/);
        assert.match(message, /\n {2}-o, --out DIR +where results go\n/);
        assert.match(message, /\n {2}--no-colour +without colours\n/);
        assert.match(message, /\nExamples:\n {2}deno task try --epochs 3$/);
        assert.ok(message.split("\n").every((line) => line.length <= 100));
        return true;
      });
    }
  });
});

describe("nearest()", () => {
  it("counts insertions, deletions, replacements and swaps", () => {
    assert.equal(editDistance("epochs", "epochs"), 0);
    assert.equal(editDistance("epcohs", "epochs"), 1);
    assert.equal(editDistance("kitten", "sitting"), 3);
    assert.equal(editDistance("", "abc"), 3);
  });
  it("prefers the closest and stays silent when nothing is close", () => {
    assert.equal(nearest("colr", ["count", "colour"]), "colour");
    assert.equal(nearest("check", ["checksum", "cheek-size"]), "checksum");
    assert.equal(nearest("xyz", ["count", "colour"]), undefined);
  });
  it("knows the initials of a name's words", () => {
    assert.equal(nearest("lr", ["label", "learning-rate", "log-every"]), "learning-rate");
    assert.equal(nearest("c", ["count", "clip-norm"]), undefined);
  });
});
