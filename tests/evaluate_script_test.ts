// This module runs in Deno only.
/** `evaluate` as a person runs it, on files that fit and on files that do not. */
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { parseSafetensors } from "../lib/data/safetensors.ts";
import { task, TINY, writeCoco } from "./commands.ts";

const CAPTIONS = {
  images: [1, 2, 3].map((id) => ({ id, file_name: `${id}.jpg` })),
  annotations: ["a dog runs on grass", "two cats sleep on a bed", "a red bus on a road"].map((
    caption,
    i,
  ) => ({
    id: i,
    image_id: i + 1,
    caption,
  })),
};
const GOOD = CAPTIONS.annotations.map(({ image_id, caption }) => ({ image_id, caption }));
const FILES = {
  captions: CAPTIONS,
  good: GOOD,
  worse: GOOD.map(({ image_id, caption }) => ({ image_id, caption: caption.split(" ").slice(2).join(" ") })),
  fewer: [...GOOD.slice(0, 2), { image_id: 1, caption: "a cat" }, { image_id: 9, caption: "a cow" }],
  texts: GOOD.map(({ image_id, caption }) => ({ image_id: `${image_id}`, caption })),
  empty: GOOD.map(({ image_id }) => ({ image_id, caption: "😀" })),
  list: [null],
};

describe("evaluate", () => {
  let dir: string;
  beforeAll(async () => {
    dir = await Deno.makeTempDir({ prefix: "showtell_evaluate_" });
    for (const [name, json] of Object.entries(FILES)) {
      await Deno.writeTextFile(`${dir}/${name}.json`, JSON.stringify(json));
    }
    await Deno.writeTextFile(`${dir}/cut.json`, '[{"image_id": 1,');
  });
  afterAll(() => Deno.remove(dir, { recursive: true }));

  /** `results` and other words that name a file stand for it. */
  const evaluate = (results: string, ...flags: string[]) => {
    const files = [...Object.keys(FILES), "cut"];
    const paths = [results, ...flags].map((word) => files.includes(word) ? `${dir}/${word}.json` : word);
    return task("evaluate", "--annotations", `${dir}/captions.json`, "--results", ...paths);
  };

  it("prints scores with intervals and signatures, and compares a second file", async () => {
    const { code, stdout } = await evaluate("good", "--compare", "worse", "--json");
    assert.equal(code, 0);
    const { images, comparison, signatures } = JSON.parse(stdout);
    assert.equal(images, 3);
    assert.match(signatures.CIDEr, /^CIDEr-D\|images:3\|/);
    assert.deepEqual([comparison.images, comparison.results], [3, `${dir}/worse.json`]);
    const { difference, low, high, p } = comparison.differences.Bleu_1;
    assert.ok(difference < 0 && low <= difference && difference <= high && p > 0 && p <= 1);

    const table = (await evaluate("good", "--compare", "worse")).stdout;
    assert.match(table, /^Bleu_1 +1\.0000 {2}95 %: 1\.0000 to 1\.0000$/m);
    assert.match(table, /^CIDEr-D\|images:3\|refs:1\|case:lower\|tok:ptb\|/m);
    assert.match(
      table,
      /worse\.json against these, on the 3 images that both caption:\nBleu_1 +-0\.\d{4} {2}95 %/,
    );
  });

  it("prints and writes its own scores before it says that METEOR and SPICE are missing", async () => {
    const page = `${dir}/early.html`;
    const jars = [
      "--meteor-jar",
      `${dir}/no.jar`,
      "--spice-jar",
      `${dir}/captions.json`,
      "--java",
      "/no/java",
    ];
    const { code, stdout, stderr } = await evaluate("good", ...jars, "--card", page);
    assert.equal(code, 1);
    assert.match(stdout, /^Bleu_1 +1\.0000 {2}95 %: 1\.0000 to 1\.0000$/m);
    assert.match(stderr, /^There is no METEOR\. Cannot run .*no\.jar: not found/m);
    assert.match(stderr, /^There is no SPICE\. Cannot run .*captions\.json: .*\/no\/java/m);
    assert.match(await Deno.readTextFile(page), /<title>.*3 captions<\/title>/);
    const json = await evaluate("good", ...jars, "--json");
    const { Bleu_1, failed } = JSON.parse(json.stdout);
    assert.deepEqual([json.code, Bleu_1.toFixed(6), Object.keys(failed)], [1, "1.000000", [
      "METEOR",
      "SPICE",
    ]]);
  });

  it("lists what does not fit and refuses it, unless that is allowed", async () => {
    const refused = await evaluate("fewer");
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /Cannot score .*fewer\.json: there should be one caption of each image/);
    const lists = [
      "1 image has references and no result: 3",
      "1 image has more than one result: 1",
      "1 result is of an image without references: 9",
    ].join("\n");
    assert.ok(refused.stderr.replaceAll("\n  ", "\n").includes(lists), refused.stderr);
    const allowed = await evaluate("fewer", "--allow-missing");
    assert.equal(allowed.code, 0);
    assert.ok(allowed.stdout.includes(lists), allowed.stdout);
    const { stderr } = await evaluate("good", "--compare", "fewer");
    assert.match(stderr, /Cannot score .*fewer\.json: /);
    const { stdout } = await evaluate("good", "--compare", "fewer", "--allow-missing");
    assert.match(stdout, /fewer\.json against these, on the 2 images that both caption:\nBleu_1 +\+0\.0000 /);
  });

  it("says what is wrong with a file, and which", async () => {
    for (
      const [flags, message] of [
        [["texts"], /ids are text in the results and numbers in the references: write 1, not "1"/],
        [["empty"], /3 captions are empty: 1, 2, 3/],
        [["cut"], /Cannot read .*cut\.json: it is not valid JSON \(.*position 16/],
        [
          ["none.json"],
          /Cannot read .*none\.json: not found, .* write one with `deno task evaluate --model FILE --save-results/,
        ],
        [["list"], /results from .*list\.json: entry 0 has "image_id" missing/],
        [["good", "--instances", "cut"], /Cannot read .*cut\.json: it is not valid JSON/],
        [["good", "--instances", "list"], /Cannot read .*list\.json as COCO instances: should have lists of/],
        [["good", "--df", "list"], /Cannot read .*list\.json: should be an object of "documents"/],
      ] as const
    ) {
      const [results, ...more] = flags;
      const { code, stderr } = await evaluate(results, ...more);
      assert.match(stderr, message);
      assert.equal(code, 1);
    }
  });

  it("refuses what only a model could do", async () => {
    for (const flags of [["--beam", "7"], ["--calibrate"], ["--no-repeat-ngram=3"], ["--model", "m"]]) {
      const { code, stderr } = await evaluate("good", ...flags);
      assert.match(stderr, new RegExp(`Cannot score --results with ${flags[0].split("=")[0]}: `));
      assert.equal(code, 2);
    }
  });
});

describe("evaluate, before a model is asked for anything", () => {
  const nowhere = "/nowhere/model.safetensors";
  const evaluate = (...flags: string[]) => task("evaluate", "--model", ...flags);

  it("reads what else it is given, and finds out whether its results can be kept", async () => {
    for (
      const [flag, path, message] of [
        [
          "--instances",
          "/nowhere/objects.json",
          /Cannot read \/nowhere\/objects\.json: not found, check the path/,
        ],
        ["--df", "/nowhere/df.json", /Cannot read \/nowhere\/df\.json: not found, check the path/],
        ["--compare", "/nowhere/other.json", /Cannot read \/nowhere\/other\.json: not found, check the path/],
        ["--card", "/proc/card.html", /Cannot write into the folder \/proc: /],
        ["--per-image", "/proc/lines.jsonl", /Cannot write into the folder \/proc: /],
        ["--save-results", "/proc/results.json", /Cannot write into the folder \/proc: /],
        ["--save-df", "/proc/df.json", /Cannot write into the folder \/proc: /],
      ] as const
    ) {
      const { code, stderr } = await evaluate(nowhere, flag, path);
      assert.match(stderr, message);
      assert.equal(code, 1);
    }
  });

  it("refuses to calibrate several models", async () => {
    const { code, stderr } = await evaluate(`${nowhere},${nowhere}`, "--calibrate");
    assert.match(stderr, /Cannot calibrate several models together: /);
    assert.equal(code, 2);
  });
});

describe("evaluate with a model", () => {
  let dir: string;
  let data: string[];
  beforeAll(async () => {
    dir = await Deno.makeTempDir({ prefix: "showtell_evaluate_" });
    await writeCoco(dir);
    data = ["--annotations", `${dir}/captions.json`, "--images", `${dir}/photos`, "--data", `${dir}/data`];
    data.push("--val-share", "0.4", "--device", "cpu");
    const tiny = TINY.filter((_, i) => !["--device", "cpu"].includes(TINY[i]));
    const { code, stderr } = await task("train", ...tiny, ...data, "--out", dir, "--steps", "60");
    assert.equal(code, 0, stderr);
  });
  afterAll(() => Deno.remove(dir, { recursive: true }));
  const evaluate = (...flags: string[]) =>
    task("evaluate", ...data, "--model", `${dir}/model.safetensors`, ...flags);

  it("writes its captions, scores them as those of a file, and says how sure it is", async () => {
    const [page, results] = [`${dir}/card.html`, `${dir}/results.json`];
    const { code, stdout, stderr } = await evaluate(
      ...["--json", "--calibrate", "--beam", "4", "--no-repeat-ngram", "2"],
      ...["--card", page, "--save-results", results],
    );
    assert.equal(code, 0, stderr);
    const scores = JSON.parse(stdout);
    assert.ok(scores.images > 1 && scores.mBLEU.length === 4 && scores.diversity.novelCaptions >= 0, stdout);
    const { temperature, before, after } = scores.calibration;
    assert.ok(temperature > 0 && before.expected >= 0 && after.expected <= 1, stdout);
    const html = await Deno.readTextFile(page);
    assert.match(html, /<img src="data:image\/jpeg;base64,/);
    assert.doesNotMatch(html, /<script|https?:|src="(?!data:)/);
    assert.match(html, /<p>calibration: words are [\d.]+ % sure .*<\/p>\n<p> {2}--temperature /);

    const ids = (JSON.parse(await Deno.readTextFile(results)) as { image_id: number }[]).map((r) =>
      r.image_id
    );
    assert.equal(ids.length, scores.images);
    const again = await task(
      "evaluate",
      ...["--annotations", `${dir}/captions.json`, "--results", results, "--allow-missing", "--json"],
    );
    const { images, CIDEr } = JSON.parse(again.stdout); // of those images alone: the same words, the same scores
    assert.deepEqual([images, CIDEr], [scores.images, scores.CIDEr]);
  });

  it("says nothing of variety where the search keeps one caption", async () => {
    const file = parseSafetensors(await Deno.readFile(`${dir}/model.safetensors`), "model");
    const { words } = JSON.parse(file.metadata.showtell) as { words: string[] };
    const rules = ["--max-length", "1", "--ban", words.slice(1).join()]; // there is one word to say
    const { code, stdout, stderr } = await evaluate("--json", "--beam", "2", ...rules);
    assert.equal(code, 0, stderr);
    assert.ok(!("mBLEU" in JSON.parse(stdout)), stdout);
  });
});
