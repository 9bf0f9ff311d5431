// This module runs in Deno only.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { parseCaptionFile } from "../lib/data/formats.ts";
import { buildDataset, type PixelSource } from "../lib/data/dataset.ts";
import { findPictures } from "../lib/deno/picture_finder.ts";
import { DEFAULT_PREPROCESSING } from "../lib/image/preprocess.ts";
import { Vocabulary } from "../lib/text/vocabulary.ts";

describe("pictures on disk", () => {
  it("are found under other capitals where one file alone can be meant, and a file belongs to one picture", async () => {
    const dir = await Deno.makeTempDir();
    try {
      for (const name of ["a.JPG", "b.jpg", "c.jpg", "C.jpg"]) {
        await Deno.writeTextFile(`${dir}/${name}`, name);
      }
      const names = ["A.jpg", "a.jpg", "b.jpg", "x/b.jpg", "c.jpg", "c.JPG"];
      const { files, problems } = await findPictures(names.map((fileName, id) => ({ id, fileName })), dir);
      assert.deepEqual([...files].map(([id, { name }]) => [id, name]), [[0, "a.JPG"], [2, "b.jpg"], [
        4,
        "c.jpg",
      ]]);
      assert.deepEqual(
        problems.map(({ what, examples }) => [what.split(" ").slice(0, 3).join(" "), examples]),
        [
          ["pictures that are", ["c.JPG"]],
          ["pictures whose file", ["a.jpg", "x/b.jpg"]],
          ["files in " + dir, ["C.jpg"]],
        ],
      );
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  });

  it("are missing where a link leads nowhere or round in a circle", async () => {
    const dir = await Deno.makeTempDir();
    try {
      await Deno.writeTextFile(`${dir}/a.jpg`, "a");
      await Deno.symlink(`${dir}/a.jpg`, `${dir}/b.jpg`);
      await Deno.symlink(`${dir}/nothing.jpg`, `${dir}/c.jpg`);
      await Deno.symlink(`${dir}/d.jpg`, `${dir}/d.jpg`);
      const names = ["a.jpg", "b.jpg", "c.jpg", "d.jpg"];
      const { files, problems } = await findPictures(names.map((fileName, id) => ({ id, fileName })), dir);
      assert.deepEqual([...files.keys()], [0, 1]);
      assert.deepEqual(problems, [{
        what: `pictures that are not in ${dir}`,
        count: 2,
        examples: ["c.jpg", "d.jpg"],
      }]);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  });

  it("are found in their folder or beside, by names composed either way; the rest is counted", async () => {
    const dir = await Deno.makeTempDir();
    try {
      await Deno.mkdir(`${dir}/val2014`);
      for (const name of ["val2014/a.jpg", "a.jpg", "b.jpg", "cafe\u0301.jpg", "spare.PNG", "notes.txt"]) {
        await Deno.writeTextFile(`${dir}/${name}`, name);
      }
      const image = (id: number, fileName: string, folder?: string) => ({ id, fileName, folder });
      const { files, problems } = await findPictures([
        image(1, "a.jpg", "val2014"),
        image(2, "b.jpg", "val2014"),
        image(3, "caf\u00e9.jpg"),
        image(4, "train/a.jpg"),
        image(5, "none.jpg"),
      ], dir);
      const names = [...files].map(([id, { name }]) => [id, name.normalize("NFC")]);
      assert.deepEqual(names, [[1, "val2014/a.jpg"], [2, "b.jpg"], [3, "caf\u00e9.jpg"], [4, "a.jpg"]]);
      assert.deepEqual(files.get(1)?.bytes, 13);
      assert.deepEqual(problems.map(({ count, examples }) => [count, examples.toSorted()]), [
        [1, ["none.jpg"]],
        [1, ["spare.PNG"]],
      ]);
      await assert.rejects(findPictures([], `${dir}/none`), {
        message: /none is not a folder, run `deno task download`/,
      });
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  });
});

describe("a dataset", () => {
  const text = JSON.stringify([
    { file: "a.jpg", captions: ["A red dog runs.", "A dog"], split: "train" },
    { file: "b.jpg", captions: ["犬が公園を走る。", "แมวนอนบนโซฟา"], split: "train" },
    { file: "c.jpg", captions: ["A dog."], split: "val" },
    { file: "missing.jpg", captions: ["A dog gone"], split: "val" },
  ]);
  const set = parseCaptionFile(text, { source: "captions.json" });
  const pixels: PixelSource = {
    size: 1,
    record: ({ id, fileName }) => fileName === "missing.jpg" ? undefined : id,
    pixels: (records, out = new Uint8Array(records.length * 3)) => {
      for (let i = 0; i < records.length; i++) out.fill(records[i], 3 * i, 3 * i + 3);
      return out;
    },
  };
  const preprocessing = { ...DEFAULT_PREPROCESSING, size: 1 };
  const build = (options = {}) => buildDataset(set, pixels, { preprocessing, minCount: 1, ...options });

  it("knows the words of the training captions, in any script, and leaves out pictures without pixels", async () => {
    const { vocabulary, train, val, test } = await build();
    for (const word of ["dog", "red", "犬", "公園", "แมว", "โซฟา"]) assert.ok(vocabulary.has(word), word);
    assert.ok(!vocabulary.has("gone"));
    assert.deepEqual([train.images.length, val.images.length, test], [2, 1, undefined]);
    assert.deepEqual(vocabulary.decode(train.tokens.caption(2)), ["犬", "が", "公園", "を", "走る"]);
    assert.deepEqual([...val.pixels([0])], [3, 3, 3]);
    assert.deepEqual(val.captions, [["A dog."]]);
  });

  it("takes all captions or the first, a given vocabulary, and cuts long captions", async () => {
    assert.equal((await build({ captions: "first" })).train.tokens.captions, 2);
    const vocabulary = new Vocabulary(["dog"]);
    const given = await build({ vocabulary, maxWords: 2 });
    assert.deepEqual([...given.train.tokens.caption(0)], [1, 3, 3, 2]);
    assert.deepEqual([given.report.captionsCut, given.report.coverage], [3, undefined]);
  });

  it("has a hash that changes with captions, split and preprocessing, and with nothing else", async () => {
    const { hash } = await build();
    assert.match(hash, /^[0-9a-f]{64}$/);
    assert.equal((await build({ minCount: 2 })).hash, hash);
    const changed = parseCaptionFile(text.replace("A red dog", "A blue dog"), { source: "other.json" });
    const renamed = parseCaptionFile(text, { source: "other.json" });
    assert.notEqual((await buildDataset(changed, pixels, { preprocessing, minCount: 1 })).hash, hash);
    assert.equal((await buildDataset(renamed, pixels, { preprocessing, minCount: 1 })).hash, hash);
    assert.notEqual((await build({ valShare: 0 })).hash, hash);
    assert.notEqual((await build({ preprocessing: { ...preprocessing, resize: "crop" } })).hash, hash);
  });

  it("says why it cannot be: no word often enough, no words in the file", async () => {
    await assert.rejects(build({ minCount: 9 }), {
      name: "RangeError",
      message: /pass --min-count 2 or less/,
    });
    await assert.rejects(build({ words: "given" }), { message: /it holds captions only, name a tokenizer/ });
  });
});
