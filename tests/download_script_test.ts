// This module runs in Deno only.
/** What scripts/1_download.ts brings, and what it refuses. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { photoName } from "../lib/data/coco_sources.ts";
import { encodeJpeg } from "../lib/deno/jpeg_codec.ts";
import { captionsJson, cocoFiles, FLICKR_PHOTOS, karpathyJson, photosOf } from "./coco_files.ts";
import { CocoHost, sha256 } from "./coco_host.ts";
import { zipOf } from "./zip_of.ts";
import {
  ANNOTATIONS,
  bytes,
  COCO2014,
  folder,
  from,
  fromHost,
  inImg,
  readReport,
  run,
  tree,
} from "./download_run.ts";

describe("scripts/1_download.ts", () => {
  it("brings captions and photos, and a second run fetches nothing", async () => {
    await using host = new CocoHost(cocoFiles());
    const data = folder();
    const all = { ...COCO2014, ...inImg(photosOf("train2014")), ...inImg(photosOf("val2014")) };
    const first = await run([...from(host, data), "--count", "all", "--json"]);
    assert.equal(first.code, 0, first.stderr);
    assert.deepEqual(tree(data), all);
    const { photos, failed, dataset } = JSON.parse(first.stdout);
    assert.deepEqual([dataset, photos, failed], [
      "coco2014",
      { wanted: 12, there: 0, fetched: 12, missing: 0, failed: 0 },
      [],
    ]);
    assert.deepEqual(readReport(data), JSON.parse(first.stdout));
    assert.match(first.stderr, /^coco2014 train, val, photos: all, seed 1, into /);
    assert.match(
      first.stderr,
      /about .* GB in .* requests, .* free on the disk, about .* on a line of 5\.0 MB\/s/,
    );
    assert.equal(host.requests.length, 13);

    const second = await run([...from(host, data), "--count", "all"]);
    assert.equal(second.code, 0, second.stderr);
    assert.equal(host.requests.length, 13);
    assert.match(second.stdout, /12 of 12 \(12 were there, 0 fetched\)/);
    assert.deepEqual(tree(data), all);
  });

  it("chooses by seed: the same photos again, and more of them with a larger count", async () => {
    await using host = new CocoHost(cocoFiles());
    const chosen = async (...args: string[]) => {
      const data = folder();
      const { code, stderr } = await run([...from(host, data), ...args]);
      assert.equal(code, 0, stderr);
      return Object.keys(tree(data)).filter((path) => path.startsWith("img/")).sort();
    };
    const four = await chosen("--count", "4");
    const seven = await chosen("--count", "7");
    assert.deepEqual([four.length, seven.length], [4, 7]);
    assert.ok(four.every((path) => seven.includes(path)));
    assert.notDeepEqual(await chosen("--count", "4", "--seed", "2"), four);
    assert.deepEqual(await chosen("--count", "0"), []);
    const val = await chosen("--count", "3", "--split", "val");
    assert.ok(val.length === 3 && val.every((path) => path.includes("val2014")), String(val));
  });

  it("lists what failed, exits with 1, and fetches only that the next time", async () => {
    await using host = new CocoHost(cocoFiles());
    const missing = `/val2014/${photoName("val2014", 73)}`;
    const page = `/train2014/${photoName("train2014", 25)}`;
    host.fault(missing, { kind: "status", status: 404 }).fault(page, { kind: "html" });
    const data = folder();
    const { code, stdout } = await run([...from(host, data), "--count", "all"]);
    assert.equal(code, 1);
    assert.match(stdout, /10 of 12 .*\n.*\nfailed {4}1: the server .*\nfailed {4}1: the server/);
    const { failed } = readReport(data);
    assert.deepEqual(
      failed.map((
        { file, url, reason }: { file: string; url: string; reason: string },
      ) => [file, url, reason]).sort(),
      [
        [photoName("train2014", 25), host.url + page, "the server sent text/html in its place"],
        [photoName("val2014", 73), host.url + missing, "the server answered 404 Not Found"],
      ],
    );
    host.heal();
    const before = host.requests.length;
    assert.equal((await run([...from(host, data), "--count", "all"])).code, 0);
    assert.deepEqual(host.paths.slice(before).sort(), [page, missing].sort());
    assert.deepEqual(readReport(data).failed, []);
  });

  it("brings the other datasets: coco2017, karpathy, flickr8k", async () => {
    await using host = new CocoHost(cocoFiles());
    const get = async (...args: string[]) => {
      const data = folder();
      const { code, stderr } = await run([...from(host, data), "--count", "all", ...args]);
      assert.equal(code, 0, stderr);
      return tree(data);
    };
    assert.deepEqual(await get("--dataset", "coco2017", "--split", "val"), {
      "annotations/captions_train2017.json": bytes(captionsJson("train2017")),
      "annotations/captions_val2017.json": bytes(captionsJson("val2017")),
      ...inImg(photosOf("val2017")),
    });
    const val2014 = Object.entries(photosOf("val2014"));
    assert.deepEqual(await get("--dataset", "karpathy", "--split", "val,test"), {
      "annotations/dataset_coco.json": bytes(karpathyJson()),
      "annotations/dataset_flickr8k.json": bytes("{}"),
      "annotations/dataset_flickr30k.json": bytes("{}"),
      ...inImg(Object.fromEntries(val2014.slice(0, 2))),
    });
    const flickr = await get("--dataset", "flickr8k", "--split", "train,test");
    const names = Object.keys(FLICKR_PHOTOS);
    assert.deepEqual(Object.keys(flickr).sort(), [
      "annotations/Flickr8k.token.txt",
      "annotations/Flickr_8k.devImages.txt",
      "annotations/Flickr_8k.testImages.txt",
      "annotations/Flickr_8k.trainImages.txt",
      ...[names[0], names[1], names[3]].map((name) => `img/${name}`),
    ]);
    for (const name of [names[0], names[3]]) assert.deepEqual(flickr[`img/${name}`], FLICKR_PHOTOS[name]);
  });

  it("decodes, and keeps nothing that only looks like a photo, unless told not to", async () => {
    await using host = new CocoHost(cocoFiles());
    const good = `/val2014/${photoName("val2014", 42)}`;
    const data = Uint8Array.from({ length: 3 * 48 * 32 }, (_, i) => i % 256);
    host.files[good] = (await encodeJpeg({ width: 48, height: 32, data })).slice();
    const dir = folder();
    const { code } = await run([...fromHost(host, dir), "--split", "val", "--count", "all"]);
    assert.equal(code, 1);
    const { failed, photos } = readReport(dir);
    assert.deepEqual(photos, { wanted: 4, there: 0, fetched: 1, missing: 3, failed: 3 });
    assert.match(failed[0].reason, /it is damaged or of a rare kind/);
    assert.deepEqual(tree(dir), { ...COCO2014, [`img/${photoName("val2014", 42)}`]: host.files[good] });
  });

  it("takes the whole zip when told to, and a photo that is damaged in it alone", async () => {
    await using host = new CocoHost(cocoFiles());
    const zip = "/zips/val2014.zip";
    host.files[zip] = host.files[zip].slice();
    host.files[zip][2_000] ^= 1;
    const data = folder();
    const { code, stderr } = await run([
      ...from(host, data),
      "--split",
      "val",
      "--count",
      "3",
      "--photos",
      "zip",
    ]);
    assert.equal(code, 0, stderr);
    const photos = Object.entries(tree(data)).filter(([path]) => path.startsWith("img/"));
    assert.equal(photos.length, 3);
    for (const [path, data] of photos) assert.deepEqual(data, photosOf("val2014")[path.slice(4)], path);
    assert.deepEqual(host.paths.slice(0, 2), [ANNOTATIONS, zip]);
    assert.ok(host.requests.length <= 3, String(host.paths));
  });

  it("refuses another archive than the published one, unless its hash is named", async () => {
    await using host = new CocoHost(cocoFiles());
    const data = folder();
    const args = ["--mirror", host.url, "--data", data, "--count", "1", "--decode", "no"];
    const refused = await run(args);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /^Cannot download http:\/\/\S+: it has \d+ bytes[^()]+\n$/m); // no stack offered
    assert.match(refused.stderr, /it has \d+ bytes, not 252872794; .* name its SHA-256 with --checksum/);
    const wrong = await run([...args, "--checksum", "0".repeat(64)]);
    assert.match(wrong.stderr, /its SHA-256 is [0-9a-f]{64}, not 0{64}/);
    assert.deepEqual(tree(data), {});
    const named = await run([...args, "--checksum", await sha256(host.files[ANNOTATIONS])]);
    assert.equal(named.code, 0, named.stderr);
  });

  it("refuses archives and captions that would write elsewhere", async () => {
    await using host = new CocoHost(cocoFiles());
    const data = folder();
    host.files[ANNOTATIONS] = zipOf([{ name: "../captions_train2014.json", data: bytes("{}") }]);
    const slip = await run([...from(host, data), "--count", "1"]);
    assert.equal(slip.code, 1);
    assert.match(slip.stderr, /Cannot unpack .*captions_train2014\.json/);
    assert.deepEqual(tree(data), {});
    const evil = captionsJson("val2014").replaceAll("COCO_val2014_000000000042.jpg", "../../evil.jpg");
    host.files[ANNOTATIONS] = zipOf([{ name: "captions_val2014.json", data: bytes(evil) }]);
    const { code, stderr } = await run([...from(host, data), "--split", "val"]);
    assert.equal(code, 1);
    assert.match(stderr, /the file name "\.\.\/\.\.\/evil\.jpg" holds "\.\."/);
    assert.deepEqual(Object.keys(tree(data)), ["annotations/captions_val2014.json"]);
  });

  it("explains wrong usage with exit code 2 before anything is asked for", async () => {
    await using host = new CocoHost({});
    const cases: [string[], RegExp][] = [
      [["--cuont", "5"], /no such option, did you mean --count\?/],
      [["--split", "test"], /Cannot read --split test: coco2014 has train, val/],
      [["--mirror", "localhost:80"], /Cannot read --mirror localhost:80: expected a URL/],
      [["--checksum", "abc"], /expected 64 hexadecimal digits/],
      [["--concurrency", "0"], /expected a whole number from 1 to 32/],
    ];
    for (const [args, message] of cases) {
      const { code, stderr } = await run(["--data", folder(), ...args]);
      assert.match(stderr, message);
      assert.equal(code, 2);
    }
    assert.deepEqual(host.requests, []);
  });
});
