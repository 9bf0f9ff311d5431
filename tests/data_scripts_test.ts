// This module runs in Deno only.
/** The tutorial's data steps, as a reader runs them: the commands of deno.json, on a small COCO folder. */
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { parquetReadObjects } from "hyparquet";
import config from "../deno.json" with { type: "json" };
import { openDataset } from "../lib/deno/dataset_disk.ts";
import { DEFAULT_PREPROCESSING } from "../lib/image/preprocess.ts";
import { FIXTURES, lacksFixture } from "./fixtures.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const TRAIN = [73, 208, 257, 294, 360, 459];
const VAL = [285, 520];
const MISSING = 999999; // has captions, and no file
const BROKEN = 888888; // a web page named .jpg

let folder = "";

/** Runs a task with exactly its permissions. */
async function task(name: keyof typeof config.tasks, ...args: string[]) {
  const [, ...command] = config.tasks[name].split(" ");
  const output = await new Deno.Command(Deno.execPath(), { args: [...command, ...args], cwd: ROOT }).output();
  const [stdout, stderr] = [output.stdout, output.stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code: output.code, stdout, stderr };
}

interface CocoFile {
  images: { id: number; file_name: string; split?: string }[];
  annotations: { image_id: number; id: number; caption: string }[];
}

/** data/annotations and data/img as `download` leaves them, with photos that were there before and after. */
async function makeCoco(): Promise<string> {
  const dir = await Deno.makeTempDir();
  const source = `${FIXTURES}/data/coco`;
  const all: CocoFile = JSON.parse(await Deno.readTextFile(`${source}/captions_photos.json`));
  await Deno.mkdir(`${dir}/annotations`);
  await Deno.mkdir(`${dir}/img`);
  const write = async (split: string, ids: number[], extra: number[]) => {
    const images = all.images.filter(({ id }) => ids.includes(id)).map(({ id, file_name }) => ({
      id,
      file_name,
    }));
    const annotations = all.annotations.filter(({ image_id }) => ids.includes(image_id));
    for (const id of extra) {
      images.push({ id, file_name: `${id}.jpg` });
      annotations.push({ image_id: id, id, caption: `Nothing to see, ${id}` });
    }
    await Deno.writeTextFile(
      `${dir}/annotations/captions_${split}2014.json`,
      JSON.stringify({ images, annotations }),
    );
    for (const { file_name } of images.filter(({ id }) => !extra.includes(id))) {
      await Deno.copyFile(`${source}/photos/${file_name}`, `${dir}/img/${file_name}`);
    }
  };
  await write("train", TRAIN, [MISSING, BROKEN]);
  await write("val", VAL, []);
  await Deno.writeTextFile(`${dir}/img/${BROKEN}.jpg`, "<!doctype html><title>Not found</title>");
  return dir;
}

describe("the data scripts on a COCO folder", { ignore: lacksFixture("data/coco/photos") }, () => {
  beforeAll(async () => {
    folder = await makeCoco();
  });
  afterAll(() => Deno.remove(folder, { recursive: true }));

  it("explore prints the caption files, the keys and the figures", async () => {
    const { code, stdout } = await task("explore", "--data", folder);
    assert.equal(code, 0);
    assert.match(
      stdout,
      /caption files: \{ train: "captions_train2014\.json", val: "captions_val2014\.json" \}/,
    );
    assert.match(stdout, /keys: images \(8\), annotations \(32\)/);
    assert.match(stdout, /images\[0\]: \{ id: 73, file_name: "000000000073\.jpg" \}/);
    assert.match(stdout, /6 pictures have 5/);
    assert.match(stdout, /An old motorcycle parked beside other motorcycles/);
  });

  it("explore prints JSON alone for machines", async () => {
    const { stdout } = await task("explore", "--data", folder, "--json");
    const { dataset, captionFiles } = JSON.parse(stdout);
    assert.equal(dataset, "coco2014");
    assert.deepEqual(captionFiles.map((file: { images: number }) => file.images), [8, 2]);
    assert.deepEqual(captionFiles[1].captionsPerImage, [[5, 2]]);
  });

  it("table lists every photo on disk with all of its captions, and saves them", async () => {
    const { code, stdout } = await task("table", "--data", folder, "--save", "--json", "--rows", "2");
    assert.equal(code, 0);
    const { rows, columns, first, saved } = JSON.parse(stdout);
    assert.deepEqual([rows, columns], [9, ["id", "file_name", "captions"]]); // 8 photos and the web page
    assert.deepEqual(first[0].captions.length, 5);
    const parquet = await parquetReadObjects({ file: (await Deno.readFile(saved[0])).buffer });
    assert.deepEqual(parquet.slice(0, 2), first);
    const all = await task("table", "--data", folder, "--all");
    assert.match(all.stdout, /4 cols x 10 rows/);
    assert.match(all.stdout, /"000000000073\.jpg" │ +5 │ "An old motorcycle parked/);
    const two = await task("table", "--data", folder, "--rows", "2");
    assert.match(two.stdout, /4 cols x 9 rows. Showing 2 rows/);
    assert.equal(two.stdout.match(/^│ +\d/gm)?.length, 2);
    assert.match(two.stderr, /, 9 of 10 photos on disk\n/);
  });

  it("plot draws the chosen photos, or random ones by seed, and passes over bad ones", async () => {
    const chosen = await task("plot", "--data", folder, "--ids", "208,73", "--json");
    assert.deepEqual(JSON.parse(chosen.stdout).ids, [208, 73]);
    const png = await Deno.readFile(`${folder}/plot.png`);
    assert.deepEqual([...png.subarray(1, 4)], [..."PNG"].map((letter) => letter.charCodeAt(0)));
    assert.match(await Deno.readTextFile(`${folder}/plot.html`), /toy lizard with a toothbrush/);
    const random = await task("plot", "--data", folder, "--count", "8", "--seed", "3", "--json");
    const { ids } = JSON.parse(random.stdout);
    assert.deepEqual(ids.toSorted(), [...TRAIN, ...VAL].toSorted());
    assert.notDeepEqual(ids.slice(0, 2), [208, 73]);
    const unknown = await task("plot", "--data", folder, "--ids", "5");
    assert.deepEqual([unknown.code, /Cannot plot photo 5: .* has no captions for it/.test(unknown.stderr)], [
      2,
      true,
    ]);
    const bad = await task("plot", "--data", folder, "--ids", `73,${BROKEN}`);
    assert.equal(bad.code, 1);
    assert.match(bad.stderr, new RegExp(`${BROKEN}\\.jpg`));
  });

  it("prepare packs once, respects the files' split, and reports what was left out", async () => {
    const first = await task("prepare", "--data", folder, "--min-count", "2", "--size", "32", "--json");
    assert.equal(first.code, 0, first.stderr);
    const report = JSON.parse(first.stdout);
    assert.deepEqual(report.images, { train: 6, val: 2, test: 0 });
    assert.deepEqual(report.captions, { train: 30, val: 10, test: 0 });
    assert.deepEqual(report.packed.bad.map(({ name }: { name: string }) => name), [`${BROKEN}.jpg`]);
    assert.deepEqual(
      report.problems.map(({ count, examples }: { count: number; examples: string[] }) => [count, examples]),
      [
        [1, [`${MISSING}.jpg`]],
      ],
    );
    const { words } = JSON.parse(await Deno.readTextFile(`${folder}/vocabulary.json`));
    assert.equal(words[0], "a");
    assert.equal(words.length, report.vocabulary.typesKept);
    const again = await task(
      "prepare",
      "--data",
      folder,
      "--min-count",
      "2",
      "--size",
      "32",
      "--captions",
      "first",
    );
    assert.match(again.stdout, /train: 6 pictures, 6 captions/);
    const [, spelt, ids] = /" becomes\n {2}(<start> .* <end>)\n {2}(1 .* 2)\n/.exec(again.stdout)!;
    const now = JSON.parse(await Deno.readTextFile(`${folder}/vocabulary.json`)); // of fewer captions
    const known = ["<pad>", "<start>", "<end>", "<unk>", ...now.words];
    assert.deepEqual(ids.split(/ +/).map((id) => known[Number(id)]), spelt.split(/ +/));
    assert.match(again.stdout, /photos: 8 packed in \S+, 0 read now, 9 before/);
  });

  it("packed pixels are those of the preprocessing, whatever the number of threads", async () => {
    const open = (data: string, threads: number) =>
      openDataset({
        data: `${folder}/${data}`,
        annotations: `${folder}/annotations`,
        images: `${folder}/img`,
        preprocessing: { ...DEFAULT_PREPROCESSING, size: 32 },
        minCount: 1,
        threads,
      });
    const [one, two] = [await open("one", 1), await open("two", 2)];
    assert.deepEqual(one.train.pixels([0, 1, 2, 3, 4, 5]), two.train.pixels([0, 1, 2, 3, 4, 5]));
    assert.equal(one.hash, two.hash);
    assert.ok(new Set(one.train.pixels([0])).size > 50); // a photo, not a blank
    one.close();
    two.close();
  });
});

describe("the data scripts on bad input", () => {
  beforeAll(async () => {
    folder = await Deno.makeTempDir();
    await Deno.mkdir(`${folder}/annotations`);
  });
  afterAll(() => Deno.remove(folder, { recursive: true }));

  it("say what to run first, name the nearest flag, and end with 1 or 2", async () => {
    const nothing = await task("explore", "--data", `${folder}/none`);
    assert.deepEqual([nothing.code, nothing.stdout], [1, ""]);
    assert.match(nothing.stderr, /none\/annotations: not found, run `deno task download` first/);
    const empty = await task("table", "--data", folder);
    assert.equal(empty.code, 1);
    assert.match(empty.stderr, /holds no captions\.csv, captions\.json or captions_\*\.json/);
    const typo = await task("prepare", "--min-cuont", "3");
    assert.equal(typo.code, 2);
    assert.match(typo.stderr, /did you mean --min-count\?/);
    const cut = await task("prepare", "--resize", "crop", "--size", "64", "--short-side", "32");
    assert.equal(cut.code, 2);
    assert.match(
      cut.stderr,
      /^Cannot cut 64 × 64 pixels out of photos whose shorter side is 32: .*--short-side/,
    );
  });

  it("explain a caption file that is none, and captions whose photos are nowhere", async () => {
    const file = `${folder}/captions.json`;
    await Deno.writeTextFile(file, '{"images": []}');
    const wrong = await task("prepare", "--data", folder, "--annotations", file);
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /no list "annotations" .* it should look like \{"images"/);
    await Deno.writeTextFile(file, '[{"file": "犬.jpg", "captions": ["犬が走る"]}]');
    const lost = await task("prepare", "--data", folder, "--annotations", file);
    assert.equal(lost.code, 1);
    assert.match(lost.stderr, /none of the 1 pictures .* \(looked for 犬\.jpg\)/);
    const plot = await task("plot", "--data", folder, "--annotations", file);
    assert.match(
      plot.stderr,
      /Cannot plot: none of the 1 pictures .* \(looked for 犬\.jpg\), .* with --images\n$/,
    );
    const table = await task("table", "--data", folder, "--annotations", file);
    assert.match(table.stderr, /^Cannot make the table: .* \(looked for 犬\.jpg\), .* or pass --all/);
  });
});
