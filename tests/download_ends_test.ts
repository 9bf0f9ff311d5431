// This module runs in Deno only.
/** scripts/1_download.ts on a full disk, stopped, and killed: what it leaves, reports, and goes on from. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { photoName } from "../lib/data/coco_sources.ts";
import { Random } from "../lib/random.ts";
import { captionsJson, cocoFiles, photosOf } from "./coco_files.ts";
import { confinedTask } from "./commands.ts";
import { CocoHost, fakeJpeg } from "./coco_host.ts";
import { zipOf } from "./zip_of.ts";
import {
  ANNOTATIONS,
  bytes,
  COCO2014,
  folder,
  from,
  inImg,
  readReport,
  run,
  start,
  tree,
} from "./download_run.ts";

describe("scripts/1_download.ts, ended before its time", () => {
  it("says that the archive cannot be written, asks for it once, and goes on where there is room", {
    ignore: Deno.build.os === "windows", // has no limit to a file's size
  }, async () => {
    await using host = new CocoHost(cocoFiles());
    host.files[ANNOTATIONS] = zipOf([
      { name: "captions_train2014.json", data: COCO2014["annotations/captions_train2014.json"] },
      { name: "captions_val2014.json", data: COCO2014["annotations/captions_val2014.json"] },
      { name: "instances_val2014.json", data: new Uint8Array(100_000) },
    ]);
    const data = folder();
    const args = [...from(host, data), "--count", "0"];
    const full = await confinedTask(32, "download", ...args);
    assert.equal(full.code, 1);
    assert.match(
      full.stderr,
      /^Cannot write \S+\.zip\.part: larger files are not allowed .* goes on from here$/m,
    );
    assert.match(readReport(data).ended, /^Cannot write \S+\.zip\.part: larger files are not allowed/);
    assert.deepEqual(host.requests.map(({ range }) => range), [null]);
    assert.deepEqual(Object.keys(tree(data)).filter((path) => !path.endsWith(".part")), []);
    const again = await run(args);
    assert.equal(again.code, 0, again.stderr);
    assert.deepEqual(host.requests.map(({ range }) => range), [null, "bytes=32768-"]);
    assert.deepEqual(tree(data), COCO2014);
  });

  it("ends on Ctrl-C with .part and .tmp files only, and says how to go on", async () => {
    await using host = new CocoHost(cocoFiles());
    host.fault("*", { kind: "drip", bytes: 200, everyMs: 20 });
    const data = folder();
    const child = start([...from(host, data), "--count", "all"]);
    while (host.requests.length < 6) await host.nextRequest();
    child.kill("SIGINT");
    const { code, stderr } = await child.output();
    assert.equal(code, 1);
    assert.match(new TextDecoder().decode(stderr), /Stopped\. .* run the same command again to go on\.\n$/);
    const all: Record<string, Uint8Array> = {
      ...COCO2014,
      ...inImg(photosOf("train2014")),
      ...inImg(photosOf("val2014")),
    };
    const found = tree(data);
    for (const [path, data] of Object.entries(found)) {
      if (!/\.(part|tmp)$/.test(path)) assert.deepEqual(data, all[path], path);
    }
    host.heal();
    assert.equal((await run([...from(host, data), "--count", "all"])).code, 0);
  });

  it("reports the run that was stopped or failed, not the one before", async () => {
    await using host = new CocoHost(cocoFiles());
    const data = folder();
    host.fault(ANNOTATIONS, { kind: "status", status: 404 });
    const failing = await run([...from(host, data), "--count", "3"]);
    const early = readReport(data);
    assert.ok(failing.stderr.endsWith(`${early.ended}\n`) && /answered 404/.test(early.ended), early.ended);
    assert.deepEqual([early.photos, early.captions, early.missingCaptions.length], [null, [], 2]);

    host.heal();
    assert.equal((await run([...from(host, data), "--count", "3"])).code, 0);
    assert.ok(!("ended" in readReport(data)));
    const missing = Object.keys(host.files).find((path) =>
      path.endsWith(".jpg") && /2014/.test(path) && !host.paths.includes(path)
    )!;
    host.fault(missing, { kind: "status", status: 404 }).fault("*", {
      kind: "drip",
      bytes: 500,
      everyMs: 20,
    });
    const before = host.requests.length;
    const child = start([...from(host, data), "--count", "all", "--concurrency", "1"]);
    while (host.requests.length < before + 6) await host.nextRequest();
    child.kill("SIGINT");
    await child.output();
    const { count, photos, failed, ended, receivedBytes } = readReport(data);
    assert.match(ended, /^Stopped\. .* run the same command again to go on\.$/);
    assert.deepEqual([count, photos.wanted, photos.there], ["all", 12, 3]);
    const found = Object.keys(tree(data)).filter((path) => path.endsWith(".jpg"));
    assert.deepEqual([photos.fetched, photos.missing], [found.length - 3, 12 - found.length]);
    assert.ok(photos.fetched >= 4 && receivedBytes >= 16_000, JSON.stringify(photos)); // of 4,000 bytes and more each
    assert.deepEqual([photos.failed, failed.length], [1, 1]);
    assert.match(failed[0].url + failed[0].reason, new RegExp(`${missing}.*404`));
  });

  it("ends with the same bytes when it is killed at 20 random moments", async () => {
    await using host = new CocoHost(cocoFiles());
    // Enough to be killed in: an archive of 300 kB that drips for a second, and 60 photos that take their time.
    const captions = JSON.parse(captionsJson("val2014"));
    captions.padding = Array.from({ length: 50_000 }, (_, i) => (i * 7919) % 65_537);
    const photos: Record<string, Uint8Array> = {};
    for (let id = 1000; id < 1060; id++) {
      const name = photoName("val2014", id);
      captions.images.push({ id, file_name: name });
      captions.annotations.push({ id, image_id: id, caption: `Thing ${id}.` });
      photos[`img/${name}`] = host.files[`/val2014/${name}`] = fakeJpeg(5_000, id);
    }
    const json = bytes(JSON.stringify(captions));
    host.files[ANNOTATIONS] = zipOf([{ name: "annotations/captions_val2014.json", data: json }]);
    host.fault(ANNOTATIONS, { kind: "drip", bytes: 10_000, everyMs: 30 });
    host.fault("*", { kind: "late", ms: 200 });
    const data = folder();
    const args = [...from(host, data), "--split", "val", "--count", "all", "--concurrency", "2"];
    const random = new Random(20);
    let killed = 0;
    for (let i = 0; i < 20; i++) {
      const child = start(args);
      const asked = host.nextRequest();
      await Promise.race([asked, child.status]);
      await new Promise((resolve) => setTimeout(resolve, 400 * random.uniform()));
      try {
        child.kill("SIGKILL");
      } catch (error) {
        if (!(error instanceof TypeError)) throw error; // it has ended already
      }
      const { signal } = await child.output();
      if (signal === "SIGKILL") killed++;
    }
    assert.equal(killed, 20);
    assert.ok(
      host.requests.filter(({ range }) => range !== null).length > 2,
      "the archive was never gone on with",
    );
    assert.ok(
      Object.keys(tree(data)).filter((path) => path.endsWith(".jpg")).length > 2,
      "no photo was killed",
    );
    host.heal();
    const { code, stderr } = await run(args);
    assert.equal(code, 0, stderr);
    const expected = { "annotations/captions_val2014.json": json, ...photos, ...inImg(photosOf("val2014")) };
    const parts = Object.keys(tree(data)).filter((path) => path.endsWith(".part"));
    assert.deepEqual(parts, []);
    assert.deepEqual(tree(data), expected);
  });
});
