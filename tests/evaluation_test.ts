// This module runs in Deno only.
/** What is said of captions beside their scores: variety, hallucinated objects, results that do not fit, reports. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { hallucinations, mentionedObjects, parseInstances } from "../lib/text/chair.ts";
import { COCO_CLASSES } from "../lib/text/coco_objects.ts";
import { diversity, lengths, mutualBleu, repetition } from "../lib/text/diversity.ts";
import { evaluateResults } from "../lib/text/evaluate.ts";
import { evaluationCard } from "../lib/text/evaluation_card.ts";
import { evaluationJson, evaluationTable, foreignTable, imageScores } from "../lib/text/evaluation_report.ts";
import { type CaptionResult, matchResults, parseResults } from "../lib/text/results.ts";

describe("captions themselves", () => {
  const captions = ["a cat on a cat", "a dog", "a dog", "the the dog"].map((line) => line.split(" "));
  it("are counted for variety", () => {
    assert.deepEqual(diversity(captions, { trainingCaptions: new Set(["a dog"]), vocabularySize: 10 }), {
      distinct1: 5 / 12,
      distinct2: 6 / 8, // a cat, cat on, on a, a dog, the the, the dog; "a cat" is there twice
      distinctCaptions: 3 / 4,
      wordsUsed: 5,
      novelCaptions: 0.5,
      vocabularyUsed: 0.5,
    });
  });
  it("are measured for length and repetition", () => {
    assert.deepEqual(lengths(captions), { mean: 3, shortest: 2, longest: 5, histogram: [0, 0, 2, 1, 0, 1] });
    assert.deepEqual(repetition(captions), { stutter: 1 / 4, repeatedPairs: 1 / 4, repeatedThrees: 0 });
  });
  it("of one picture are compared with one another", () => {
    const same = mutualBleu(
      new Map([[1, ["a red dog runs", "a red dog runs"].map((line) => line.split(" "))]]),
    );
    const unlike = mutualBleu(
      new Map([[1, ["a red dog runs", "two old men sit"].map((line) => line.split(" "))]]),
    );
    assertNear(same[3], 1, 1e-8);
    assert.ok(unlike[0] < 1e-6);
    assert.throws(() => mutualBleu(new Map([[1, [["a"]]]])), /no picture has two candidates/);
  });
});

describe("objects", () => {
  it("are COCO's 80 classes", () => assert.equal(new Set(COCO_CLASSES).size, 80));
  it("are found by name, plural, synonym and phrase, the longest first", () => {
    const found = (caption: string) => mentionedObjects(caption.split(" ")).join(", ");
    assert.equal(found("two women and geese near parking meters"), "person, bird, parking meter");
    assert.equal(found("a hot dog and a teddy bear on a sofa"), "hot dog, teddy bear, couch");
    assert.equal(found("a train station with toilet paper"), "");
    assert.equal(found("a baby elephant beside a baby"), "elephant, person");
    assert.equal(found("an orange on an orange chair with oranges"), "orange, chair, orange");
    assert.equal(found("a man 's cell phone and knives"), "person, cell phone, knife");
  });
  const instances = parseInstances({
    categories: [{ id: 1, name: "person" }, { id: 18, name: "dog" }],
    annotations: [{ image_id: 1, category_id: 18 }, { image_id: 2, category_id: 1 }],
  }, { source: "test" });
  it("that a picture does not hold are hallucinated, unless a reference names them", () => {
    const candidates = new Map([
      [1, "a dog and a dog chase a frisbee".split(" ")],
      [2, "a man on a horse".split(" ")],
      [3, ["nothing"]],
    ]);
    const found = hallucinations(
      candidates,
      instances,
      words({ 1: ["a dog"], 2: ["a man rides a horse"], 3: ["a"] }),
    );
    assertNear(found.CHAIRi, 1 / 5, 1e-12);
    assertNear(found.CHAIRs, 1 / 3, 1e-12);
    assert.deepEqual([...found.perImage], [[1, ["frisbee"]]]);
  });
  it("are read from COCO's instances only", () => {
    assert.throws(
      () => parseInstances({ annotations: [] }, { source: "captions.json" }),
      /captions.json as COCO instances/,
    );
    const wrong = {
      categories: [{ id: 1, name: "unicorn" }],
      annotations: [{ image_id: 1, category_id: 1 }],
    };
    assert.throws(() => parseInstances(wrong, { source: "x" }), /category 1 is unicorn/);
  });
});

describe("result files", () => {
  const references = new Map([[1, ["a dog"]], [2, ["a cat"]], [3, ["a bus"]]]);
  const results = (...pairs: [number | string, string][]): CaptionResult[] =>
    pairs.map(([image_id, caption]) => ({ image_id, caption }));

  it("are read in COCO's format", () => {
    const json = [{ image_id: 1, caption: "a dog", score: 2 }];
    assert.deepEqual(parseResults(json, { source: "r.json" }), results([1, "a dog"]));
    assert.throws(() => parseResults({}, { source: "r.json" }), /from r.json: it is an object, not a list/);
    assert.throws(
      () => parseResults([{ image_id: 1 }], { source: "r.json" }),
      /entry 0 has "caption" missing/,
    );
    assert.throws(
      () => parseResults([{ caption: "a" }], { source: "r.json" }),
      /entry 0 has "image_id" missing/,
    );
  });
  it("that do not fit are listed", () => {
    const { problems, captions } = matchResults(
      references,
      results([1, "a"], [1, "b"], [9, "c"], [2, " ."], ["3", "x"]),
    );
    assert.deepEqual(problems, { missing: [3], doubled: [1], unknown: [9, "3"], empty: [2] });
    assert.deepEqual([...captions], [[1, "a"], [2, " ."]]);
  });
  it("that do not fit are refused, unless that is asked for", () => {
    const some = results([1, "a dog"], [2, "a cat"]);
    assert.throws(
      () => evaluateResults(references, some),
      /one caption of each image with references, but\n {2}1 image has references and no result: 3\n.*--allow-missing/,
    );
    const { scores, problems } = evaluateResults(references, some, { allowMissing: true });
    assert.equal(scores.images, 2);
    assert.deepEqual(problems.missing, [3]);
    assert.throws(
      () => evaluateResults(references, results([7, "a"]), { allowMissing: true }),
      /no result is of an image/,
    );
  });
});

describe("evaluation report", () => {
  const references = new Map([["a.jpg", ["A dog's bed.", "A dog"]], ["b.jpg", ["A cat & a cow"]]]);
  const results = [{ image_id: "a.jpg", caption: "A dog's <bed>" }, {
    image_id: "b.jpg",
    caption: "A horse",
  }];
  const instances = new Map([["a.jpg", new Set(["dog", "bed"])], ["b.jpg", new Set(["cat"])]]);
  const evaluation = evaluateResults(references, results, { instances, samples: 20 });
  const foreign = { SPICE: { score: 0.2, perImage: Float64Array.of(0.1, 0.3), signature: "SPICE|x" } };

  it("has the keys that scripts rely on", () => {
    const json = evaluationJson(evaluation, foreign);
    for (
      const key of ["images", "Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "ROUGE_L", "CIDEr", "testlen", "reflen"]
    ) {
      assert.equal(typeof json[key], "number", key);
    }
    assert.equal((json.guess as number[]).length, 4);
    assert.equal((json.correct as number[]).length, 4);
    assert.equal(json.CHAIRs, 0.5);
    assert.equal(json.SPIDEr, (evaluation.scores.CIDEr + 0.2) / 2);
  });
  it("says nothing of variety where the search found one caption of each image", () => {
    const candidates = (second: string[]) => new Map([["a.jpg", ["A dog", ...second]], ["b.jpg", ["A cow"]]]);
    const of = (second: string[]) =>
      evaluateResults(references, results, { candidates: candidates(second), samples: 2 });
    assert.equal(of([]).mutualBleu, undefined);
    assert.equal(of(["A cat"]).mutualBleu!.length, 4);
  });
  it("has bars that end where the table does", async () => {
    const all = ["a red dog runs", "two cats sleep here", "an old bus waits", "some men ski down"];
    const captions = new Map(all.map((caption, i) => [i, [caption]]));
    const right = all.map((caption, image_id) => ({
      image_id,
      caption: image_id === 3 ? "men ski" : caption,
    }));
    const page = await evaluationCard(evaluateResults(captions, right), { perRow: 0 }); // its CIDEr is above 2
    const bars = [...page.matchAll(/left:([\d.]+)%?;width:([\d.]+)%/g)];
    assert.equal(bars.length, 14);
    for (const [, left, width] of bars) assert.ok(Number(left) + Number(width) <= 100.1, `${left} ${width}`);
  });
  it("has a chart of bounded width, whatever the longest caption", async () => {
    const long = [{ ...results[0], caption: "dog ".repeat(150_000) }, results[1]];
    const page = await evaluationCard(evaluateResults(references, long, { samples: 2 }), { perRow: 0 });
    assert.match(page, /<svg viewBox="0 0 1008 120".*>1 of 41\+ words</s);
  });
  it("has a line for each image", () => {
    const lines = [...imageScores(evaluation, foreign)];
    assert.deepEqual(lines.map(({ image_id }) => image_id), ["a.jpg", "b.jpg"]);
    assert.deepEqual(lines.map(({ hallucinated }) => hallucinated), [[], ["horse"]]);
    assert.deepEqual(lines.map(({ SPICE }) => SPICE), [0.1, 0.3]);
  });
  it("prints a table", () => {
    const table = evaluationTable(evaluation).join("\n");
    assert.match(table, /^Bleu_1 +0\.\d{4} {2}95 %: 0\.\d{4} to/m);
    assert.match(table, /^CHAIRs +50\.0 %/m);
    assert.deepEqual(foreignTable(evaluation, foreign), [
      "SPICE     0.2000",
      "SPIDEr    1.0143",
      "SPICE|x",
    ]);
  });
  it("is one page that needs no network and cannot be written into", async () => {
    const asked: unknown[] = [];
    const picture = (
      id: number | string,
    ) => (asked.push(id), id === "a.jpg" ? "data:image/png;base64,AA==" : undefined);
    const page = await evaluationCard(evaluation, { title: "Run <1>", picture, references, foreign });
    assert.equal(page, await evaluationCard(evaluation, { title: "Run <1>", picture, references, foreign }));
    assert.ok(asked.includes("b.jpg"));
    assert.match(page, /<title>Run &lt;1&gt;: 2 captions<\/title>/);
    assert.match(page, /A dog&#39;s &lt;bed&gt;/);
    assert.match(page, /not there: <mark>horse<\/mark>/);
    assert.match(page, /<img src="data:image\/png;base64,AA=="/);
    const [, best, worst] = (await evaluationCard(evaluation, { perRow: 1 })).split(
      /Best by CIDEr-D|Worst by CIDEr-D/,
    );
    assert.match(best, /<b>A dog/);
    assert.match(worst.split("</section>")[0], /<b>A horse/);
    assert.doesNotMatch(page, /<script|https?:|src="(?!data:)/);
  });
});
function words(lines: Record<number, readonly string[]>): Map<number, string[][]> {
  return new Map(
    Object.entries(lines).map(([id, list]) => [Number(id), list.map((line) => line.split(" "))]),
  );
}
function assertNear(actual: number, expected: number, tolerance: number): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} should be ${expected} within ${tolerance}`);
}
