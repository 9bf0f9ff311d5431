// This module runs in Deno only.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import { parseCaptionFile } from "../lib/data/formats.ts";
import { buildDataset, type PixelSource } from "../lib/data/dataset.ts";
import { findPictures } from "../lib/deno/picture_finder.ts";
import type { PicturePool } from "../lib/deno/picture_pool.ts";
import { openShards, type PictureFile, prepareShards } from "../lib/deno/shards.ts";
import { PictureError } from "../lib/image/picture_error.ts";
import { DEFAULT_PREPROCESSING } from "../lib/image/preprocess.ts";
import { Vocabulary } from "../lib/text/vocabulary.ts";

describe("packed pictures", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await Deno.makeTempDir();
  });
  afterEach(() => Deno.remove(folder, { recursive: true }));

  const preprocessing = { ...DEFAULT_PREPROCESSING, size: 2 };
  const files = (count: number): PictureFile[] =>
    Array.from(
      { length: count },
      (_, i) => ({ name: `${i}.jpg`, path: String(i), bytes: 10 + i, modified: 5 }),
    );
  /** Decodes picture i to twelve bytes i; names in `bad` fail; counts what it did. */
  function fakePool(bad: Record<string, "corrupt" | "unreadable"> = {}): PicturePool & { loads: string[] } {
    const loads: string[] = [];
    return {
      threads: 1,
      loads,
      load(path) {
        loads.push(path);
        const problem = bad[path];
        return problem
          ? Promise.reject(new PictureError(`decode ${path}`, problem, "it is broken"))
          : Promise.resolve(new Uint8Array(12).fill(Number(path)));
      },
      close() {},
    };
  }
  const firstBytes = async (count: number, memoryBytes: number) => {
    using shards = await openShards(folder, { memoryBytes });
    return files(count).map(({ name }) => {
      const record = shards.find(name);
      return record === undefined ? undefined : shards.pixels([record])[11];
    });
  };

  it("are decoded once, and read back from memory and from the file", async () => {
    const pool = fakePool();
    const first = await prepareShards(folder, files(5), { preprocessing, pool });
    assert.deepEqual(first, { added: 5, kept: 0, bad: [], damaged: 0 });
    const again = await prepareShards(folder, files(6), { preprocessing, pool });
    assert.deepEqual([again.added, again.kept, pool.loads.length], [1, 5, 6]);
    for (const memoryBytes of [1e6, 0]) {
      assert.deepEqual(await firstBytes(6, memoryBytes), [0, 1, 2, 3, 4, 5]);
    }
    using shards = await openShards(folder);
    assert.deepEqual([...shards.pixels([4, 0, 4])], [
      ...Array(12).fill(4),
      ...Array(12).fill(0),
      ...Array(12).fill(4),
    ]);
    assert.throws(() => shards.pixels([6]), { name: "RangeError", message: /records 0 to 5/ });
    assert.throws(() => shards.pixels([0], new Uint8Array(3)), { message: /they need 12/ });
  });

  it("go on after an abort, and after a crash at any byte", async () => {
    const controller = new AbortController();
    const onProgress = (done: number) => {
      if (done === 3) controller.abort(new Error("stop"));
    };
    const run = prepareShards(folder, files(20), {
      preprocessing,
      pool: fakePool(),
      onProgress,
      signal: controller.signal,
    });
    await assert.rejects(run, { message: "stop" });
    const pool = fakePool();
    const resumed = await prepareShards(folder, files(20), { preprocessing, pool });
    assert.deepEqual([resumed.kept, pool.loads.length], [3, 17]);
    const index = await Deno.readFile(`${folder}/index.jsonl`);
    const pixels = await Deno.readFile(`${folder}/pixels.u8`);
    for (let cut = 0; cut <= 100; cut += 10) {
      // What a crash leaves: the index cut anywhere, and more or fewer pixels than it says.
      await Deno.writeFile(`${folder}/index.jsonl`, index.subarray(0, Math.floor(index.length * cut / 100)));
      await Deno.writeFile(
        `${folder}/pixels.u8`,
        pixels.subarray(0, Math.floor(pixels.length * (137 - cut) / 137)),
      );
      await prepareShards(folder, files(20), { preprocessing, pool: fakePool() });
      assert.deepEqual(await firstBytes(20, 0), files(20).map((_, i) => i), `cut at ${cut} %`);
    }
  });

  it("are made anew when the file or the preprocessing changes", async () => {
    await prepareShards(folder, files(3), { preprocessing, pool: fakePool() });
    const changed = files(3).map((file, i) => i === 1 ? { ...file, modified: 6, path: "9" } : file);
    const report = await prepareShards(folder, changed, { preprocessing, pool: fakePool() });
    assert.deepEqual([report.added, report.kept], [1, 2]);
    assert.deepEqual(await firstBytes(3, 0), [0, 9, 2]);
    const crop = { ...preprocessing, resize: "crop" as const };
    assert.equal((await prepareShards(folder, changed, { preprocessing: crop, pool: fakePool() })).added, 3);
    const mean = { ...crop, mean: [0, 0, 0] as const }; // the device's matter: same pixels
    assert.equal((await prepareShards(folder, changed, { preprocessing: mean, pool: fakePool() })).added, 0);
  });

  it("leave out bad pictures, name them with reasons, and go on", async () => {
    const bad = { 1: "corrupt", 3: "unreadable" } as const;
    const report = await prepareShards(folder, files(5), { preprocessing, pool: fakePool(bad) });
    assert.deepEqual(report.bad.map(({ name }) => name), ["1.jpg", "3.jpg"]);
    assert.match(report.bad[0].reason, /Cannot decode 1: it is broken/);
    assert.deepEqual(await firstBytes(5, 0), [0, undefined, 2, undefined, 4]);
    const pool = fakePool();
    const again = await prepareShards(folder, files(5), { preprocessing, pool });
    assert.deepEqual(pool.loads, ["3"]); // a corrupt file stays corrupt; what could not be read is tried again
    assert.deepEqual(again.bad.map(({ name }) => name), ["1.jpg"]);
    assert.deepEqual(await firstBytes(5, 0), [0, undefined, 2, 3, 4]);
  });

  it("are filled by one process at a time, and the next finds the work done", async () => {
    await prepareShards(folder, files(1), { preprocessing, pool: fakePool() });
    const other = await Deno.open(`${folder}/lock`, { write: true });
    await other.lock(true);
    const pool = fakePool();
    let waiting = () => {};
    const waits = new Promise<void>((resolve) => waiting = resolve);
    const second = prepareShards(folder, files(2), { preprocessing, pool, onWait: waiting });
    await waits;
    assert.deepEqual(pool.loads, []);
    other.close(); // as when that process ends
    assert.deepEqual(await second, { added: 1, kept: 1, bad: [], damaged: 0 });
  });

  it("need no writing where all are packed", async () => {
    await prepareShards(folder, files(2), { preprocessing, pool: fakePool() });
    await Deno.remove(`${folder}/lock`);
    const before = await Deno.stat(`${folder}/index.jsonl`);
    await prepareShards(folder, files(2), { preprocessing, pool: fakePool() });
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), [
      "index.jsonl",
      "pixels.u8",
    ]);
    assert.deepEqual((await Deno.stat(`${folder}/index.jsonl`)).mtime, before.mtime);
  });

  it("find a flipped byte when they are read, and mend it when asked to verify", async () => {
    await prepareShards(folder, files(3), { preprocessing, pool: fakePool() });
    const pixels = await Deno.readFile(`${folder}/pixels.u8`);
    pixels[2 * 12 + 5] ^= 1;
    await Deno.writeFile(`${folder}/pixels.u8`, pixels);
    for (const memoryBytes of [1e6, 0]) {
      using shards = await openShards(folder, { memoryBytes });
      assert.equal(shards.pixels([0, 1]).length, 24);
      assert.throws(() => shards.pixels([1, 2]), {
        message: /pixels of 2.jpg .* run `deno task prepare` to mend/,
      });
    }
    const pool = fakePool();
    assert.equal((await prepareShards(folder, files(3), { preprocessing, pool })).added, 0);
    const report = await prepareShards(folder, files(3), { preprocessing, pool, verify: true });
    assert.deepEqual(report, { added: 1, kept: 2, bad: [], damaged: 1 });
    assert.deepEqual(pool.loads, ["2"]);
    assert.deepEqual(await firstBytes(3, 0), [0, 1, 2]);
  });

  it("say what to do where there are none", async () => {
    await assert.rejects(openShards(folder), { message: /there are none, run `deno task prepare` first/ });
  });
});

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
