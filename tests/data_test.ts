// This module runs in Deno only.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { captionsByImage, parseCaptions } from "../lib/data/coco.ts";
import { groupCaptionFiles } from "../lib/data/caption_files.ts";
import { type CaptionSet, describeReport, mergeCaptionSets } from "../lib/data/captions.ts";
import { parseCaptionFile } from "../lib/data/formats.ts";
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

describe("caption files in a folder", () => {
  it("say what they are for by their names, also one alone; a file named by itself does not", async () => {
    const folder = await Deno.makeTempDir();
    try {
      const text = JSON.stringify({
        images: [{ id: 1, file_name: "1.jpg" }],
        annotations: [{ id: 1, image_id: 1, caption: "a dog" }],
      });
      const [val, odd] = [`${folder}/captions_val2014.json`, `${folder}/odd\\name.json`];
      for (const path of [val, odd]) await Deno.writeTextFile(path, text);
      const splitOf = async (path: string) => (await readCaptions(path)).set.images.map(({ split }) => split);
      assert.deepEqual(await splitOf(folder), ["val"]);
      assert.deepEqual(await splitOf(val), [undefined]);
      if (Deno.build.os !== "windows") assert.deepEqual(await splitOf(odd), [undefined]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });

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
