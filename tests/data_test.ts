// This module runs in Deno only.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { captionsByImage, parseCaptions } from "../lib/data/coco.ts";
import { groupCaptionFiles } from "../lib/data/caption_files.ts";
import { type CaptionSet, describeReport, mergeCaptionSets } from "../lib/data/captions.ts";
import { csvLine, parseCsv } from "../lib/data/csv.ts";
import { parseCaptionFile, parseJson } from "../lib/data/formats.ts";
import { karpathyWords, PUBLISHED_WORDS, splitByLists } from "../lib/data/karpathy.ts";
import { assignSplits } from "../lib/data/splits.ts";
import { readCaptions, readText } from "../lib/deno/caption_reader.ts";
import { FIXTURES, lacksFixture } from "./fixtures.ts";

const source = "captions.json";
const parse = (text: string) => parseCaptionFile(text, { source });
const captionsOf = (set: CaptionSet) =>
  Object.fromEntries(set.images.map(({ id, fileName }) => [fileName, set.captions.get(id)]));
const problemsOf = (set: CaptionSet) =>
  Object.fromEntries(set.report.problems.map(({ what, count }) => [what.split(" (")[0], count]));

const coco = (images: unknown, annotations: unknown) => ({ images, annotations });
const DOG = { id: 1, file_name: "dog.jpg" };

describe("captions in COCO's format", () => {
  it("keeps every caption of every picture, in the order of the file", () => {
    const set = parseCaptions(
      coco([DOG, { id: 7, file_name: "cat.jpg", width: 4, height: 3 }], [
        { image_id: 7, id: 1, caption: "A cat.\n" },
        { image_id: 1, id: 2, caption: "A dog." },
        { image_id: 7, id: 3, caption: " Two\tcats. " },
      ]),
      { source },
    );
    assert.deepEqual([...captionsByImage(set)], [[7, ["A cat.", "Two cats."]], [1, ["A dog."]]]);
    assert.deepEqual(set.images, [{ id: 1, fileName: "dog.jpg" }, {
      id: 7,
      fileName: "cat.jpg",
      width: 4,
      height: 3,
    }]);
    assert.deepEqual(set.report.problems, []);
  });

  it("counts what does not fit, names it, and goes on", () => {
    const set = parseCaptions(
      coco([DOG, { id: 2, file_name: "bare.jpg" }, DOG], [
        { image_id: 1, caption: "A dog." },
        { image_id: 1, caption: "A dog." },
        { image_id: 1, caption: " \n" },
        { image_id: 404, caption: "Nobody." },
        { image_id: 405, caption: "Nobody." },
      ]),
      { source },
    );
    assert.deepEqual(captionsOf(set), { "dog.jpg": ["A dog.", "A dog."] });
    assert.deepEqual(problemsOf(set), {
      "captions without a picture": 2,
      "pictures without captions": 1,
      "empty captions": 1,
      "captions written twice for one picture": 1,
      "pictures listed twice": 1,
    });
    assert.match(describeReport(set.report).join("\n"), /2 captions without a picture: 404, 405/);
    assert.match(describeReport(set.report).join("\n"), /1 pictures without captions: bare\.jpg/);
  });

  it("explains JSON that is not COCO: what is missing, and the layout", () => {
    const box = [{ image_id: 1, bbox: [] }];
    const cases: [unknown, RegExp][] = [
      [42, /captions\.json as COCO captions: it holds a number/],
      [{}, /no list "images" \(found: nothing\)/],
      [{ images: [], photos: 1 }, /no list "annotations" \(found: "images", "photos"\)/],
      [{ images: 3, annotations: [] }, /"images" is a number, not a list/],
      [coco([{ file_name: "a.jpg" }], []), /images\[0\]\.id is missing, not a whole number/],
      [coco([{ id: "x", file_name: "a.jpg" }], []), /images\[0\]\.id is "x"/],
      [coco([{ id: 1 }], []), /images\[0\]\.file_name is missing/],
      [coco([DOG], [{ image_id: 1 }]), /annotations\[0\]\.caption is missing/],
      [coco([DOG], box), /looks like instances_\*\.json or person_keypoints_\*\.json/],
      [coco([DOG], [null]), /annotations\[0\] is null/],
      [coco([{ ...DOG, split: "dev2" }], []), /the split "dev2" is unknown/],
    ];
    for (const [json, message] of cases) {
      assert.throws(() => parseCaptions(json, { source }), { name: "SyntaxError", message });
    }
    assert.throws(() => parseCaptions({}, { source }), {
      message: /should look like \{"images": \[\{"id": 1/,
    });
  });

  it("refuses one id for two pictures", () => {
    const json = coco([DOG, { id: 1, file_name: "cat.jpg" }], []);
    assert.throws(() => parseCaptions(json, { source }), {
      message: /id 1 belongs to "dog\.jpg" and to "cat\.jpg"/,
    });
  });

  it("refuses file names that lead out of the picture folder", () => {
    const names = [
      "../a.jpg",
      "a/../../b.jpg",
      "/etc/passwd",
      "C:\\a.jpg",
      "c:a.jpg",
      "a\\b.jpg",
      "",
      "a\0.jpg",
    ];
    for (const file_name of names) {
      assert.throws(
        () => parseCaptions(coco([{ id: 1, file_name }], []), { source }),
        { name: "SyntaxError", message: /should be a name inside the picture folder/ },
        JSON.stringify(file_name),
      );
    }
    const fine = parseCaptions(coco([{ id: 1, file_name: "a/犬..jpg" }], [{ image_id: 1, caption: "x" }]), {
      source,
    });
    assert.equal(fine.images.length, 1);
  });

  it("joins train and val files, and refuses a picture in both", () => {
    const set = (id: number) =>
      parseCaptions(coco([{ id, file_name: `${id}.jpg` }], [{ image_id: id, caption: "x" }]), { source });
    const joined = mergeCaptionSets([{ set: set(1), split: "train" }, { set: set(2), split: "val" }]);
    assert.deepEqual(joined.images.map(({ id, split }) => [id, split]), [[1, "train"], [2, "val"]]);
    assert.throws(() => mergeCaptionSets([{ set: set(1) }, { set: set(1) }]), {
      message: /should|must be in one/,
    });
  });
});

describe("the Karpathy file", () => {
  const image = (split: string, id: number, extra = {}) => ({
    filename: `COCO_${id}.jpg`,
    filepath: "val2014",
    cocoid: id,
    imgid: 0,
    split,
    sentences: [{ raw: "A man. ", tokens: ["a", "man"] }, {
      raw: "Cloud-wreathed.",
      tokens: ["cloud", "wreathed"],
    }],
    ...extra,
  });
  const file = (...images: unknown[]) => JSON.stringify({ images, dataset: "coco" });

  it("counts restval as train, and keeps folders, ids and words", () => {
    const set = parse(file(image("restval", 9), image("train", 8), image("val", 7), image("test", 6)));
    assert.deepEqual(set.images.map(({ id, split }) => [id, split]), [
      [9, "train"],
      [8, "train"],
      [7, "val"],
      [6, "test"],
    ]);
    assert.equal(set.images[0].folder, "val2014");
    assert.deepEqual(set.tokens?.get(9), [["a", "man"], ["cloud", "wreathed"]]);
    assert.deepEqual(set.captions.get(9), ["A man.", "Cloud-wreathed."]);
    assert.equal(karpathyWords(set), undefined); // not the whole file
  });

  it("explains what is missing", () => {
    assert.throws(() => parse(file(image("nowhere", 1))), { message: /split "nowhere" is unknown/ });
    assert.throws(() => parse(file(image("val", 1, { filename: 5 }))), {
      message: /images\[0\]\.filename is 5/,
    });
    const bare = image("val", 1, { sentences: [{}] });
    assert.throws(() => parse(file(bare)), { message: /sentences\[0\] has neither "raw" nor "tokens"/ });
  });

  it(
    "deals COCO's real val2014 as the published lists do",
    { ignore: lacksFixture("data/coco/karpathy") },
    async () => {
      const folder = `${FIXTURES}/data/coco`;
      const { set } = await readCaptions(`${folder}/captions_val2014_reconstructed.json.gz`);
      assert.deepEqual([set.images.length, set.report.captions], [40504, 202654]);
      const lists: Record<string, string> = {};
      for (const name of ["restval", "val", "test"]) {
        lists[name] = await readText(
          `${folder}/karpathy/coco_${name}.txt`,
        );
      }
      const splits = assignSplits(splitByLists(set, lists).images);
      assert.deepEqual([splits.train.length, splits.val.length, splits.test.length], [30504, 5000, 5000]);
    },
  );

  const downloaded = new URL("../data/annotations/dataset_coco.json", import.meta.url).pathname;
  if (isThere(downloaded)) { // a download, not a fixture: it is checked where somebody has it
    it("has the published vocabulary of 9,486 words", async () => {
      assert.equal(karpathyWords((await readCaptions(downloaded)).set), PUBLISHED_WORDS);
    });
  }
});

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

describe("caption files in a folder", () => {
  it("are grouped by what belongs together, the published split first", () => {
    const groups = groupCaptionFiles([
      "instances_train2014.json",
      "captions_val2014_fakecap_results.json",
      "captions_val2017.json.gz",
      "captions_val2014.json",
      "captions_train2014.json",
      "Flickr8k.token.txt",
      "Flickr_8k.devImages.txt",
      "dataset_flickr8k.json",
      "captions.csv",
    ]);
    assert.deepEqual(groups.map(({ dataset }) => dataset), [
      "coco2014",
      "coco2017",
      "flickr8k",
      "own",
      "karpathy-flickr8k",
    ]);
    assert.deepEqual(groups[0].files, { train: "captions_train2014.json", val: "captions_val2014.json" });
    assert.deepEqual(groups[2].lists, { val: "Flickr_8k.devImages.txt" });
    assert.equal(groupCaptionFiles(["dataset_coco.json", "captions_val2014.json"])[0].dataset, "karpathy");
  });
});

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
