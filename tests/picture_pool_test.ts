// This module runs in Deno only.
/** Workers that load pictures. */
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { encodeJpeg, encodePng } from "../lib/deno/encode.ts";
import { JobPool, WorkerCrash } from "../lib/deno/job_pool.ts";
import { mapAhead } from "../lib/deno/map_ahead.ts";
import { mapPictures, openPicturePool, type PicturePool } from "../lib/deno/picture_pool.ts";
import { DEFAULT_PREPROCESSING, preprocess } from "../lib/image/preprocess.ts";
import { FIXTURES, lacksFixture } from "./fixtures.ts";
import { drawing, problemOf } from "./pictures.ts";

const PHOTOS = `${FIXTURES}/data/coco/photos`;
const lacksPhotos = { ignore: lacksFixture("data/coco/photos") };

describe("openPicturePool()", () => {
  const preprocessing = { ...DEFAULT_PREPROCESSING, size: 24 };
  let dir = "";
  let pool: PicturePool;
  beforeAll(async () => {
    dir = await Deno.makeTempDir();
    pool = openPicturePool({ threads: 2, maxPixels: 100 * 100 });
    await Deno.writeFile(`${dir}/good.jpg`, await encodeJpeg(drawing()));
    await Deno.writeFile(`${dir}/good.png`, await encodePng(drawing()));
    await Deno.writeFile(`${dir}/large.png`, await encodePng(drawing(101, 100)));
    await Deno.writeTextFile(`${dir}/page.jpg`, "<html><body>not found</body></html>");
  });
  afterAll(async () => {
    pool.close();
    await Deno.remove(dir, { recursive: true });
  });

  it("loads what decoding and preprocessing give", async () => {
    assert.deepEqual(await pool.load(`${dir}/good.png`, preprocessing), preprocess(drawing(), preprocessing));
  });

  it("names what it cannot load and goes on", async () => {
    const load = (name: string) => pool.load(`${dir}/${name}`, preprocessing);
    assert.equal(await problemOf(load("missing.jpg")), "unreadable");
    assert.equal(await problemOf(load("")), "unreadable");
    assert.equal(await problemOf(load("large.png")), "too large");
    await assert.rejects(load("page.jpg"), {
      message: `Cannot decode ${dir}/page.jpg: it is an HTML page, it must be a JPEG, PNG or GIF picture`,
    });
    assert.equal((await load("good.jpg")).length, 24 * 24 * 3);
  });

  it("maps in order, bad pictures among good ones", async () => {
    const names = Array.from(
      { length: 40 },
      (_, i) => i % 5 === 3 ? "page.jpg" : i % 2 ? "good.jpg" : "large.png",
    );
    const paths = names.map((name) => `${dir}/${name}`);
    const seen: string[] = [];
    for await (const { path, pixels, error } of mapPictures(pool, paths, preprocessing)) {
      assert.equal(pixels === undefined, error !== undefined);
      assert.equal(
        error?.problem,
        path.endsWith("page.jpg") ? "not a picture" : path.endsWith("png") ? "too large" : undefined,
      );
      seen.push(path);
    }
    assert.deepEqual(seen, paths);
  });

  it("decodes real photographs", lacksPhotos, async () => {
    using photos = { pool: openPicturePool({ threads: 2 }), [Symbol.dispose]: () => photos.pool.close() };
    const paths = [...Deno.readDirSync(PHOTOS)].map(({ name }) => `${PHOTOS}/${name}`);
    let count = 0;
    for await (const { error } of mapPictures(photos.pool, paths, preprocessing)) {
      assert.equal(error, undefined);
      count++;
    }
    assert.equal(count, 169);
  });
});

describe("mapAhead()", () => {
  it("keeps no more calls running than allowed", async () => {
    let running = 0;
    let most = 0;
    const results = mapAhead([5, 1, 4, 2, 3, 0], async (turns) => {
      most = Math.max(most, ++running);
      for (let i = 0; i < turns; i++) await Promise.resolve();
      running--;
      return turns;
    }, { ahead: 3 });
    assert.deepEqual(await Array.fromAsync(results), [5, 1, 4, 2, 3, 0]);
    assert.equal(most, 3);
  });

  it("throws in the failed item's turn", async () => {
    const results = mapAhead([1, 0, 2], (n) => n ? Promise.resolve(n) : Promise.reject(new Error("zero")), {
      ahead: 9,
    });
    assert.equal((await results.next()).value, 1);
    await assert.rejects(results.next(), /zero/);
  });
});

describe("JobPool", () => {
  const moduleOf = (code: string) => new URL(`data:text/javascript,${encodeURIComponent(code)}`);
  const doubler = moduleOf(`
    onmessage = ({ data }) => {
      if (data < 0) throw new Error("negative");
      postMessage(2 * data);
    };
    postMessage("ready");`);

  it("replaces a worker that died and blames the job it died of", async () => {
    const pool = new JobPool<number, number>(doubler, 2);
    const jobs = [-1, 2, -3, 4, 5, -6, 7, 8, -9];
    const results = await Promise.all(jobs.map((job) => pool.run(job).catch((error) => error)));
    pool.close();
    results.forEach((result, i) => {
      if (jobs[i] > 0) assert.equal(result, 2 * jobs[i]);
      else assert.ok(result instanceof WorkerCrash && /negative/.test(result.message), String(result));
    });
  });

  it("rejects jobs that cannot be cloned, waiting or not, and goes on with the others", async () => {
    const echo = moduleOf(`onmessage = ({ data }) => postMessage(data); postMessage("ready");`);
    const pool = new JobPool<unknown, unknown>(echo, 1);
    const jobs = [1, () => 2, () => 3, 4, 5, () => 6];
    const results = await Promise.all(jobs.map((job) => pool.run(job).catch((error) => error)));
    await assert.rejects(pool.run(() => 7), { name: "DataCloneError" }); // the worker is free: posted at once
    assert.equal(await pool.run(8), 8);
    pool.close();
    assert.deepEqual(results.map((result) => result instanceof Error ? result.name : result), [
      ...[1, "DataCloneError", "DataCloneError", 4, 5, "DataCloneError"],
    ]);
  });

  it("rejects all jobs when its workers cannot start", async () => {
    const pool = new JobPool<number, number>(moduleOf(`throw new Error("no flag")`), 2);
    const results = await Promise.allSettled([1, 2, 3].map((job) => pool.run(job)));
    for (const result of results) {
      assert.match(String((result as PromiseRejectedResult).reason), /Cannot start .*no flag/);
    }
    await assert.rejects(pool.run(4), /Cannot start/);
  });

  it("rejects what waits when it is closed", async () => {
    const pool = new JobPool<number, number>(moduleOf(`postMessage("ready")`), 1);
    const waiting = Promise.allSettled([1, 2, 3].map((job) => pool.run(job)));
    pool.close();
    for (const result of await waiting) assert.equal(result.status, "rejected");
    assert.throws(() => new JobPool(doubler, 0), /threads must be/);
  });
});
