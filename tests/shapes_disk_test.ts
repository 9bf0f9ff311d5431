// This module runs in Deno only.
/** The picture world on disk. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { checkCaption } from "../lib/data/shapes_check.ts";
import { drawScene } from "../lib/data/shapes_draw.ts";
import { parseCaptions } from "../lib/data/coco.ts";
import { decodeFile } from "../lib/deno/decode.ts";
import { readScenes, writeWorld } from "../lib/deno/shapes_disk.ts";

describe("writeWorld()", () => {
  const options = { seed: 3, train: 60, val: 5, test: 20, size: 32 };
  const inFolder = (body: (dir: string) => Promise<void>) => async () => {
    const dir = await Deno.makeTempDir();
    try {
      await body(dir);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  };
  const readJson = async (path: string) => JSON.parse(await Deno.readTextFile(path));
  const names = async (dir: string) =>
    (await Array.fromAsync(Deno.readDir(dir))).map(({ name }) => name).sort();

  it(
    "writes pictures, COCO captions and the scenes behind them",
    inFolder(async (dir) => {
      const report = await writeWorld(dir, options);
      assert.deepEqual([report.pictures, report.made, report.test], [85, 85, 20]);
      assert.deepEqual(await names(dir), ["annotations", "img", "scenes.json", "world.json"]);
      const scenes = await readScenes(dir);
      assert.equal(scenes.size, 85);
      for (const [split, count] of [["train", 60], ["val", 5], ["test", 20]] as const) {
        const source = `${dir}/annotations/captions_${split}.json`;
        const { images, captions } = parseCaptions(await readJson(source), { source });
        assert.equal(images.length, count);
        for (const { id, width, height } of images) {
          assert.deepEqual([width, height], [32, 32]);
          const found = captions.get(id) ?? [];
          assert.equal(found.length, 5);
          for (const caption of found) assert.ok(checkCaption(scenes.get(id)!, caption).true, caption);
        }
        // A picture is its scene's: JPEG at quality 92 changes a channel by 4 on average here.
        const picture = await decodeFile(`${dir}/img/${images[0].fileName}`);
        const drawn = drawScene(scenes.get(images[0].id)!, 32);
        const change = drawn.data.reduce((sum, byte, i) => sum + Math.abs(byte - picture.data[i]), 0);
        assert.ok(change / drawn.data.length < 8, `${change / drawn.data.length}`);
      }
    }),
  );

  it(
    "keeps what is there of the same world, and only that",
    inFolder(async (dir) => {
      await writeWorld(dir, options);
      assert.equal((await writeWorld(dir, options)).made, 0);
      // As a run leaves it that was stopped: pictures missing, one half-written, no manifest yet.
      await Deno.rename(`${dir}/world.json`, `${dir}/world.json.part`);
      for (const id of [3, 4]) await Deno.remove(`${dir}/img/shapes_000000${id}.jpg`);
      await Deno.writeTextFile(`${dir}/img/shapes_0000004.jpg.tmp`, "half");
      const calls: number[][] = [];
      const onProgress = (done: number, total: number) => calls.push([done, total]);
      assert.equal((await writeWorld(dir, { ...options, onProgress })).made, 2);
      assert.deepEqual(calls, [[2, 2]]);
      assert.equal((await names(`${dir}/img`)).length, 85);
      // Another world takes its place; a file that is none of ours stays.
      await Deno.writeTextFile(`${dir}/img/notes.txt`, "mine");
      assert.equal((await writeWorld(dir, { ...options, seed: 4, train: 10 })).made, 35);
      assert.equal((await names(`${dir}/img`)).length, 36);
      assert.equal((await readScenes(dir)).size, 35);
    }),
  );

  it(
    "says what is wrong with a folder or a size",
    inFolder(async (dir) => {
      await assert.rejects(readScenes(dir), /scenes.json: not found, run `deno task demo`/);
      await assert.rejects(writeWorld(dir, { train: -1 }), /Cannot make a world with -1 pictures in "train"/);
      await Deno.writeTextFile(`${dir}/file`, "");
      await assert.rejects(writeWorld(`${dir}/file`, options), /Cannot write into the folder .*file/);
    }),
  );
});
