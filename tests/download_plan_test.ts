// This module runs in Deno only.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { type DatasetName, DATASETS, mirrored, PHOTO_FOLDERS, photoUrl } from "../lib/data/coco_sources.ts";
import { choosePhotos, listPhotos, missingPhotos } from "../lib/deno/download_list.ts";
import type { Photo } from "../lib/deno/download_photos.ts";
import {
  captionsCost,
  describeCost,
  ensureRoom,
  expectedCost,
  planFolder,
  planPhotos,
} from "../lib/deno/download_plan.ts";
import { captionsJson, IDS, karpathyJson } from "./coco_files.ts";

const root = Deno.makeTempDirSync({ prefix: "showtell-plan-" });
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));
const photo = (i: number, folder = "train2014"): Photo => ({
  fileName: `${i}.jpg`,
  publishedName: `${i}.jpg`,
  folder,
});

describe("the published sources", () => {
  it("are consistent: folders exist, files are named for the splits they serve, hashes have their length", () => {
    for (const { annotations, files, photos } of Object.values(DATASETS)) {
      assert.match(annotations.sha256 ?? annotations.md5 ?? "", /^([0-9a-f]{64}|[0-9a-f]{32})$/);
      for (const [split, inFolders] of Object.entries(photos)) {
        assert.ok(Object.values(files).some((splits) => (splits as string[]).includes(split)), split);
        for (const [folder, count] of Object.entries(inFolders)) {
          assert.ok(count <= PHOTO_FOLDERS[folder].photos);
        }
      }
    }
    for (const { zip } of Object.values(PHOTO_FOLDERS)) {
      assert.match(zip.sha256 ?? zip.md5 ?? "", /^([0-9a-f]{64}|[0-9a-f]{32})$/);
    }
  });

  it("give each photo its URL by the pattern", () => {
    assert.equal(
      photoUrl("train2014", 57870),
      "http://images.cocodataset.org/train2014/COCO_train2014_000000057870.jpg",
    );
    assert.equal(photoUrl("val2017", 139), "http://images.cocodataset.org/val2017/000000000139.jpg");
  });

  it("move to a mirror with the same paths", () => {
    const url = photoUrl("val2014", 42);
    assert.equal(mirrored(url, undefined), url);
    assert.equal(
      mirrored(url, "http://127.0.0.1:80/"),
      "http://127.0.0.1:80/val2014/COCO_val2014_000000000042.jpg",
    );
    assert.equal(mirrored(url, "https://a.b/coco"), "https://a.b/coco/val2014/COCO_val2014_000000000042.jpg");
  });
});

describe("planFolder()", () => {
  it("takes the zip of train2014 from 51,332 photos on", () => {
    assert.equal(planFolder("train2014", 51_331).way, "single");
    assert.equal(planFolder("train2014", 51_332).way, "zip");
    assert.deepEqual(planFolder("train2014", 82_783).cost.bytes, 13_510_573_713);
  });

  it("counts what an earlier run left of the zip", () => {
    const partBytes = () => 13_000_000_000;
    const { way, cost } = planFolder("train2014", 5_000, { partBytes });
    assert.deepEqual([way, cost.bytes, cost.requests], ["zip", 510_573_713, 1]);
  });

  it("does as it is told, but flickr8k has only the zip", () => {
    assert.equal(planFolder("train2014", 82_783, { way: "single" }).way, "single");
    assert.equal(planFolder("train2014", 1, { way: "zip" }).way, "zip");
    assert.equal(planFolder("flickr8k", 1, { way: "single" }).way, "zip");
  });

  it("plans each folder of a choice by itself", () => {
    const photos = [photo(1), photo(2, "val2014"), photo(3)];
    const plans = planPhotos(photos).map(({ folder, photos, way }) => [folder, photos.length, way]);
    assert.deepEqual(plans, [["train2014", 2, "single"], ["val2014", 1, "single"]]);
  });

  it("estimates a choice before the captions are there", () => {
    const { photos } = DATASETS.coco2014;
    const some = expectedCost(photos, ["train", "val"], { count: 500 });
    assert.equal(some.requests, 500);
    assert.ok(Math.abs(some.bytes - 500 * 163_500) < 500 * 1_000, String(some.bytes));
    assert.equal(
      expectedCost(photos, ["train", "val"], { count: "all" }).bytes,
      13_510_573_713 + 6_645_013_297,
    );
    assert.equal(expectedCost(photos, ["val"], { count: 0 }).bytes, 0);
    assert.equal(captionsCost("coco2014").bytes, 252_872_794);
  });

  it("says bytes, requests and time, and refuses a disk without room", async () => {
    const cost = { bytes: 82_000_000, requests: 500, diskBytes: 82_000_000 };
    const line = await describeCost(cost, { dir: root, concurrency: 8 });
    // 82 MB at 5 MB/s, and 500 requests of 0.1 s on 8 connections
    assert.match(
      line,
      /^about 82\.0 MB in 500 requests(, [\d.]+ .B free on the disk)?, about 23 s on a line of 5\.0 MB\/s$/,
    );
    await ensureRoom(cost, root);
    const permission = await Deno.permissions.query({ name: "sys", kind: "statfs" as "osRelease" });
    if (permission.state !== "granted") return; // without it free room is not known, and nothing refused
    await assert.rejects(
      ensureRoom({ ...cost, diskBytes: 1e18 }, root),
      /^Error: Cannot download into .* 1000000\.0 TB /,
    );
  });
});

describe("listPhotos()", () => {
  const write = (files: Record<string, string>) => {
    const dir = Deno.makeTempDirSync({ dir: root });
    for (const [name, text] of Object.entries(files)) Deno.writeTextFileSync(`${dir}/${name}`, text);
    return dir;
  };
  const list = (
    dataset: DatasetName,
    files: Record<string, string>,
    ...splits: ("train" | "val" | "test")[]
  ) => listPhotos(dataset, { annotations: write(files), splits });

  it("takes URLs from the pattern, never from coco_url", async () => {
    const photos = await list("coco2014", { "captions_val2014.json": captionsJson("val2014") }, "val");
    assert.deepEqual(photos.map(({ url }) => url), IDS.val2014.map((id) => photoUrl("val2014", id)));
    assert.deepEqual(photos[0].fileName, "COCO_val2014_000000000042.jpg");
  });

  it("lists both splits, and a photo that is listed twice once", async () => {
    const files = {
      "captions_val2014.json": captionsJson("val2014"),
      "captions_train2014.json": captionsJson("train2014"),
    };
    assert.equal((await list("coco2014", files, "train", "val")).length, 12);
    assert.equal((await list("coco2014", files, "val", "val")).length, 4);
  });

  it("finds Karpathy's splits in the folders they name", async () => {
    const photos = await list("karpathy", { "dataset_coco.json": karpathyJson() }, "train");
    assert.deepEqual(photos.map(({ folder }) => folder).filter((folder) => folder === "val2014").length, 2); // restval
    assert.ok(photos.every(({ url, folder }) => url?.includes(`/${folder}/COCO_${folder}_`)));
    const elsewhere = karpathyJson().replaceAll('"filepath":"val2014"', '"filepath":"../x"');
    await assert.rejects(list("karpathy", { "dataset_coco.json": elsewhere }, "val"), /\.\./);
  });

  it("refuses names that lead out of the picture folder", async () => {
    for (const name of ["../a.jpg", "/etc/a.jpg", "C:a.jpg", "a\\b.jpg", "a\u0000.jpg", " "]) {
      const json = JSON.parse(captionsJson("val2014"));
      json.images[1].file_name = name;
      await assert.rejects(
        list("coco2014", { "captions_val2014.json": JSON.stringify(json) }, "val"),
        SyntaxError,
      );
      if (name === " ") continue; // a line of a list is trimmed
      const lists = { "Flickr_8k.testImages.txt": `a.jpg\n${name}\n` };
      await assert.rejects(list("flickr8k", lists, "test"), SyntaxError);
    }
  });
});

describe("choosePhotos()", () => {
  const photos = Array.from({ length: 1_000 }, (_, i) => photo(i));

  it("chooses the same with the same seed; a larger choice contains a smaller one", () => {
    const ten = choosePhotos(photos, 10, 1);
    assert.deepEqual(choosePhotos(photos, 10, 1), ten);
    assert.deepEqual(choosePhotos(photos, 100, 1).slice(0, 10), ten);
    assert.notDeepEqual(choosePhotos(photos, 10, 2), ten);
    assert.equal(new Set(choosePhotos(photos, 100, 1)).size, 100);
    assert.equal(choosePhotos(photos, "all", 1).length, 1_000);
    assert.equal(choosePhotos(photos, 2_000, 1).length, 1_000);
  });

  it("leaves out what is there, but not files of no bytes", () => {
    const dir = Deno.makeTempDirSync({ dir: root });
    Deno.writeTextFileSync(`${dir}/0.jpg`, "there");
    Deno.writeTextFileSync(`${dir}/1.jpg`, "");
    assert.deepEqual(missingPhotos(photos.slice(0, 3), dir).map(({ fileName }) => fileName), [
      "1.jpg",
      "2.jpg",
    ]);
  });
});
