// This module runs in Deno only.
/** Photographs packed once as pixels, whatever interrupts it. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import type { PicturePool } from "../lib/deno/picture_pool.ts";
import { openShards, type PictureFile, prepareShards } from "../lib/deno/shards.ts";
import { PictureError } from "../lib/image/picture_error.ts";
import { DEFAULT_PREPROCESSING } from "../lib/image/preprocess.ts";

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

  it("do not grow for ever where the files keep changing", async () => {
    for (let modified = 10; modified < 15; modified++) {
      const changed = files(4).map((file) => ({ ...file, modified }));
      await prepareShards(folder, changed, { preprocessing, pool: fakePool() });
    }
    const bytes = [...Deno.readDirSync(folder)].filter(({ name }) => name !== "index.jsonl")
      .map(({ name }) => Deno.statSync(`${folder}/${name}`).size);
    const record = 3 * preprocessing.size ** 2;
    assert.ok(
      Math.max(...bytes) <= 3 * 4 * record,
      `${bytes}: records of use, and twice as many that are not`,
    );
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
