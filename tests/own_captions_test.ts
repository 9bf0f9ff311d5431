// This module runs in Deno only.
/** Captions of one's own: CSV, JSON lists, text; in any language, from any spreadsheet. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { type CaptionSet } from "../lib/data/captions.ts";
import { csvLine, parseCsv } from "../lib/data/csv.ts";
import { parseCaptionFile, parseJson } from "../lib/data/formats.ts";

const source = "captions.json";
const parse = (text: string) => parseCaptionFile(text, { source });
const captionsOf = (set: CaptionSet) =>
  Object.fromEntries(set.images.map(({ id, fileName }) => [fileName, set.captions.get(id)]));

describe("captions of one's own", () => {
  it("reads CSV with quotes, line breaks, a byte order mark and several rows a picture", () => {
    const text =
      '\ufefffile,caption\r\ndog.jpg,"A dog, ""Rex"",\nruns"\r\ncat.jpg,A cat\r\n\r\ndog.jpg,Again';
    const set = parse(text);
    assert.deepEqual(captionsOf(set), { "dog.jpg": ['A dog, "Rex", runs', "Again"], "cat.jpg": ["A cat"] });
    assert.deepEqual(set.images.map(({ id }) => id), [1, 2]);
  });

  it("reads what spreadsheets of other countries save, other headers and a split", () => {
    assert.deepEqual(captionsOf(parse("image;caption\na.jpg;x, y\n")), { "a.jpg": ["x, y"] });
    assert.deepEqual(captionsOf(parse("file_name\tcomment\na.jpg\tx\n")), { "a.jpg": ["x"] });
    assert.deepEqual(captionsOf(parse("file,caption\ra.jpg,x\rb.jpg,y\r")), {
      "a.jpg": ["x"],
      "b.jpg": ["y"],
    });
    assert.deepEqual(parse("file,caption,split\na.jpg,x,dev\nb.jpg,y,\n").images.map(({ split }) => split), [
      "val",
      undefined,
    ]);
  });

  it("makes one line of a caption, without what steers a terminal", () => {
    assert.deepEqual(
      captionsOf(parse('[{"file": "a.jpg", "caption": "\\u001b[31mred\\u0001\\tand\\nblue\\u0085"}]')),
      {
        "a.jpg": ["[31mred and blue"],
      },
    );
  });

  it("takes the spellings of one file name for one picture", () => {
    const text =
      "file,caption\na/caf\u00e9.jpg,x\n./a//cafe\u0301.jpg,y\na/./caf\u00e9.jpg,z\nA/caf\u00e9.jpg,other\n";
    assert.deepEqual(captionsOf(parse(text)), {
      "a/caf\u00e9.jpg": ["x", "y", "z"],
      "A/caf\u00e9.jpg": ["other"],
    });
    assert.throws(() => parse("file,caption\n.//../a.jpg,x\n"), { message: /holds "\.\."/ });
  });

  it("names the line of a faulty row", () => {
    const cases: [string, RegExp][] = [
      [
        "file,caption\na.jpg,x\nb.jpg,x, y\n",
        /line 3 has 3 fields, the header has 2; a caption with a comma/,
      ],
      [
        'file,caption\na.jpg, "x, y"\n',
        /line 2 has 3 fields, .* without a space before them: a\.jpg,"dogs, two"/,
      ],
      ['file,caption\na.jpg,"x\n', /line 2 opens a quoted field that is never closed/],
      ['file,caption\na.jpg,"x"y\n', /line 2 goes on after a closing quote/],
      ["a.jpg,x\n", /its first line is "a\.jpg,x", it should be CSV with the header "file,caption"/],
      ["file,caption,split\na.jpg,x,train\na.jpg,y,val\n", /"a\.jpg" is in the splits "train" and "val"/],
    ];
    for (const [text, message] of cases) assert.throws(() => parse(text), { name: "SyntaxError", message });
  });

  it("reads a JSON list, and names the entry that has a fault", () => {
    const text = '[{"file": "a.jpg", "captions": ["x", "y"]}, {"image": "b.jpg", "caption": "z"}]';
    assert.deepEqual(captionsOf(parse(text)), { "a.jpg": ["x", "y"], "b.jpg": ["z"] });
    const cases: [string, RegExp][] = [
      ['[{"captions": ["x"]}]', /entry 0 has the keys captions and no "file"/],
      ['[{"file": "a.jpg"}]', /entry 0 \("a\.jpg"\) has the captions missing/],
      ['[{"file": "a.jpg", "captions": [1]}]', /has the captions \[1\]/],
      ["[7]", /entry 0 is a number/],
    ];
    for (const [json, message] of cases) assert.throws(() => parse(json), { name: "SyntaxError", message });
  });

  it("reads Flickr8k's text", () => {
    const set = parse("1_a.jpg#0\tA child .\n1_a.jpg#1\tA girl .\n2_b.jpg.1#0\tOdd name .\n");
    assert.deepEqual(captionsOf(set), { "1_a.jpg": ["A child .", "A girl ."], "2_b.jpg.1": ["Odd name ."] });
    assert.throws(() => parse("1_a.jpg#0\tA child .\nrest\n"), { message: /line 2 is "rest"/ });
  });

  it("says what a file is that is none of these", () => {
    assert.throws(() => parse(" \n"), { message: /it is empty/ });
    assert.throws(() => parse("<!doctype html>"), { message: /it is a web page/ });
    assert.throws(() => parse('{"images": ['), { message: /not valid JSON .* it may be cut off/ });
    assert.throws(() => parseJson("file,caption\n", { source: "a.csv" }), {
      message:
        'Cannot read a.csv: it begins with "file,caption", it should be JSON, which begins with [ or {',
    });
    assert.throws(() => parseJson(" ", { source: "a.json" }), { message: /it is empty, it should be JSON/ });
  });

  it("keeps captions in Japanese and Thai as they are", () => {
    const rows = [["犬.jpg", "犬が公園を走る。"], ["แมว.jpg", 'แมวนอน, "บนโซฟา"']];
    const set = parse(csvLine(["file", "caption"]) + rows.map(csvLine).join(""));
    assert.deepEqual(captionsOf(set), { "犬.jpg": ["犬が公園を走る。"], "แมว.jpg": ['แมวนอน, "บนโซฟา"'] });
  });

  it("writes CSV that it reads again", () => {
    const fields = ["a,b", 'say "x"', "two\nlines", " spaces ", "", "plain"];
    assert.deepEqual(parseCsv(csvLine(fields))[0].fields, fields);
  });
});
