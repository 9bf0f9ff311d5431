// This module runs in Deno only.
/** Scores of captions: exact against coco-caption, and by hand on sets small enough to reckon. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { compareScores, scoreIntervals, scoresOf } from "../lib/text/bootstrap.ts";
import { corpusFrequencies, frequencyTable, readFrequencies } from "../lib/text/document_frequencies.ts";
import { encodeCaptions } from "../lib/text/encode_captions.ts";
import { evaluateResults } from "../lib/text/evaluate.ts";
import { lengthGroup, scoresByGroup } from "../lib/text/groups.ts";
import { type CaptionResult, parseResults } from "../lib/text/results.ts";
import { scoreCaptions } from "../lib/text/score.ts";
import { FIXTURES, lacksFixture } from "./fixtures.ts";

const PTB = "data/coco/ptb/en_captions_val2014.json";
const FAKECAP = "data/coco/fakecap/captions_val2014_fakecap_results.json";

describe("coco-caption's example of 1,000 captions", { ignore: lacksFixture(PTB) }, () => {
  const { references, results } = lacksFixture(PTB) ? { references: new Map(), results: [] } : fakecap();
  const evaluation = results.length > 0 ? evaluateResults(references, results) : undefined!; // ignored then

  it("has equal counts", () => {
    const { testlen, reflen, guess, correct, images } = evaluation.scores;
    assert.deepEqual({ testlen, reflen, guess, correct, images }, {
      testlen: 9893,
      reflen: 9855,
      guess: [9893, 8893, 7893, 6893],
      correct: [5732, 2510, 1043, 423],
      images: 1000,
    });
  });
  it("has equal scores to 1e-9", () => {
    const published = {
      Bleu_1: 0.5793995754573356,
      Bleu_2: 0.40439129741018104,
      Bleu_3: 0.2785363856619147,
      Bleu_4: 0.1908290437674253,
      ROUGE_L: 0.39625269357570847,
      CIDEr: 0.5997905185184199,
    };
    for (const [name, value] of Object.entries(published)) {
      assertNear(evaluation.scores[name as keyof typeof published], value, 1e-9);
    }
  });
  it("has equal scores of single images to 1e-5", () => {
    const { ids, perImage } = evaluation.scores;
    const published: [id: number, bleu1: number, cider: number, rouge: number][] = [
      [404464, 0.307692, 0.015164, 0.187982],
      [380932, 0.545455, 0.105291, 0.288189],
      [565778, 0.404354, 0.885823, 0.514768],
      [431573, 0.461538, 1.528164, 0.375963],
    ];
    for (const [id, bleu1, cider, rouge] of published) {
      const image = ids.indexOf(id);
      assertNear(perImage.Bleu_1[image], bleu1, 1e-5);
      assertNear(perImage.CIDEr[image], cider, 1e-5);
      assertNear(perImage.ROUGE_L[image], rouge, 1e-5);
    }
  });
  it("would differ with a careless tokenizer", () => {
    const careless = (caption: string) => caption.toLowerCase().match(/[a-z0-9]+/g) ?? [];
    const words = new Map([...references].map(([id, captions]) => [id, captions.map(careless)]));
    const candidates = new Map(results.map(({ image_id, caption }) => [image_id, careless(caption)]));
    const { reflen, CIDEr } = scoreCaptions(words, candidates);
    assert.notEqual(reflen, 9855);
    assert.ok(Math.abs(CIDEr - 0.5997905) > 1e-4);
  });
  it("has intervals around its scores, the same for the same seed", () => {
    for (const [name, { low, high }] of Object.entries(evaluation.intervals)) {
      const score = evaluation.scores[name as "CIDEr"];
      assert.ok(low < score && score < high && high - low < 0.1, `${name}: ${low} ${score} ${high}`);
    }
    assert.deepEqual(scoreIntervals(evaluation.scores), evaluation.intervals);
    assert.notDeepEqual(scoreIntervals(evaluation.scores, { seed: 2 }), evaluation.intervals);
  });
});

/** Three images that can be reckoned by hand. */
const REFERENCES = words({
  1: ["a dog runs on grass", "the dog is running"],
  2: ["two cats sleep", "two cats on a bed sleep"],
  3: ["a bus"],
});
const CANDIDATES = new Map([[1, "a dog runs".split(" ")], [2, "two two cats".split(" ")], [3, ["a", "bus"]]]);

describe("BLEU", () => {
  it("clips matches to the most in one reference and takes the closest length, the shorter of two", () => {
    const { testlen, reflen, guess, correct } = scoreCaptions(REFERENCES, CANDIDATES);
    assert.deepEqual({ testlen, reflen, guess, correct }, {
      testlen: 3 + 3 + 2,
      reflen: 4 + 3 + 2,
      guess: [8, 5, 2, 0],
      correct: [3 + 2 + 2, 2 + 1 + 1, 1, 0],
    });
    const tie = scoreCaptions(words({ 1: ["a b c d e f", "a b"] }), new Map([[1, "a b c d".split(" ")]]));
    assert.equal(tie.reflen, 2);
  });
  it("multiplies by the brevity penalty", () => {
    const { Bleu_1, Bleu_2 } = scoreCaptions(REFERENCES, CANDIDATES);
    const brevity = Math.exp(1 - 9 / 8);
    assertNear(Bleu_1, 7 / 8 * brevity, 1e-8);
    assertNear(Bleu_2, Math.sqrt(7 / 8 * 4 / 5) * brevity, 1e-8);
  });
  it("scores a caption equal to its reference 1, and an empty one 0", () => {
    const same = scoreCaptions(
      words({ 1: ["a dog runs fast"] }),
      new Map([[1, "a dog runs fast".split(" ")]]),
    );
    for (const name of ["Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4"] as const) assertNear(same[name], 1, 1e-8);
    const empty = scoreCaptions(REFERENCES, new Map([[1, []]]));
    assert.ok(empty.Bleu_1 < 1e-4 && empty.ROUGE_L === 0 && empty.CIDEr === 0);
  });
});

describe("ROUGE-L", () => {
  it("takes the best precision and the best recall apart", () => {
    const { perImage } = scoreCaptions(REFERENCES, CANDIDATES);
    const f = (precision: number, recall: number) => 2.44 * precision * recall / (recall + 1.44 * precision);
    assertNear(perImage.ROUGE_L[0], f(3 / 3, 3 / 5), 1e-12); // "a dog runs" of 3 and of 5
    assertNear(perImage.ROUGE_L[1], f(2 / 3, 2 / 3), 1e-12); // "two cats" of 3 and of 3
    assert.equal(perImage.ROUGE_L[2], 1);
  });
});

describe("CIDEr", () => {
  /** By the definition, with strings: slow and plain. */
  function byDefinition(id: number, variant: "D" | "plain"): number {
    const grams = (tokens: readonly string[], n: number) =>
      Array.from({ length: Math.max(0, tokens.length - n + 1) }, (_, i) => tokens.slice(i, i + n).join(" "));
    const df = (gram: string, n: number) =>
      [...REFERENCES.values()].filter((captions) =>
        captions.some((caption) => grams(caption, n).includes(gram))
      ).length;
    const vector = (tokens: readonly string[], n: number) => {
      const weights = new Map<string, number>();
      for (const gram of grams(tokens, n)) {
        weights.set(gram, (weights.get(gram) ?? 0) + Math.log(REFERENCES.size / Math.max(1, df(gram, n))));
      }
      return weights;
    };
    const norm = (weights: Map<string, number>) => Math.hypot(...weights.values());
    const candidate = CANDIDATES.get(id)!;
    const scores = REFERENCES.get(id)!.map((reference) => {
      let sum = 0;
      for (let n = 1; n <= 4; n++) {
        const [ours, theirs] = [vector(candidate, n), vector(reference, n)];
        let dot = 0;
        for (const [gram, weight] of ours) {
          const other = theirs.get(gram) ?? 0;
          dot += (variant === "D" ? Math.min(weight, other) : weight) * other;
        }
        const length = norm(ours) * norm(theirs);
        sum += length === 0 ? 0 : dot / length;
      }
      const delta = candidate.length - reference.length;
      return sum / 4 * (variant === "D" ? Math.exp(-(delta ** 2) / 72) : 1);
    });
    return 10 * scores.reduce((a, b) => a + b) / scores.length;
  }
  const scores = scoreCaptions(REFERENCES, CANDIDATES);

  it("follows the definition, with and without clipping and Gaussian", () => {
    for (const [image, id] of scores.ids.entries()) {
      assertNear(scores.perImage.CIDEr[image], byDefinition(Number(id), "D"), 1e-12);
      assertNear(scores.perImage.CIDEr_plain[image], byDefinition(Number(id), "plain"), 1e-12);
    }
    assert.ok(scores.CIDEr > 0.5 && scores.CIDEr < scores.CIDEr_plain);
  });
  it("is 0 on a single image, where every word is in every document", () => {
    const alone = scoreCaptions(words({ 1: ["a dog"] }), new Map([[1, ["a", "dog"]]]));
    assert.equal(alone.CIDEr, 0);
  });
  it("takes document frequencies from a table, which survives JSON", () => {
    const counted = corpusFrequencies(encodeCaptions(REFERENCES, CANDIDATES));
    const table = JSON.parse(JSON.stringify(frequencyTable(counted, "three")));
    assert.deepEqual(table, { documents: 3, source: "three", ngrams: { a: 3, on: 2 } }); // all else is in one image
    const again = scoreCaptions(REFERENCES, CANDIDATES, { frequencies: readFrequencies(table) });
    assertNear(again.CIDEr, scores.CIDEr, 1e-12);
    assert.match(again.signatures.CIDEr, /\|df:three\[3\]\|/);
    const alone = new Map([[1, CANDIDATES.get(1)!]]);
    const other = readFrequencies({
      documents: 100,
      source: "other",
      ngrams: { "a dog": 50, a: 99, dog: 60 },
    });
    const { CIDEr } = scoreCaptions(REFERENCES, alone, { frequencies: other });
    const rarer = readFrequencies({ documents: 100, source: "other", ngrams: { a: 99, dog: 60 } });
    assert.ok(CIDEr > 0 && CIDEr < scoreCaptions(REFERENCES, alone, { frequencies: rarer }).CIDEr);
    assert.throws(
      () => readFrequencies({ documents: 1, source: "x", ngrams: { "a b c d e": 1 } }),
      /has 5 words/,
    );
    for (const wrong of [[], { documents: 5, source: "x", ngrams: [1, 2] }]) {
      assert.throws(() => readFrequencies(wrong, { source: "df.json" }), /read df.json: should be an object/);
    }
    for (const count of [3, 0.5, "2"]) {
      const table = { documents: 2, source: "x", ngrams: { a: count } };
      assert.throws(() => readFrequencies(table), /and count .*, .* a whole number from 0 to 2/);
    }
  });
  it("says how it was computed", () => {
    assert.equal(
      scores.signatures.CIDEr,
      "CIDEr-D|images:3|refs:1-2|case:lower|tok:ptb|n:4|sigma:6|df:corpus[3]|v:coco",
    );
  });
});

describe("scores of many images", () => {
  it("do not depend on the order, and parts can be scored from the whole", () => {
    const turned = scoreCaptions(REFERENCES, new Map([...CANDIDATES].reverse()));
    const scores = scoreCaptions(REFERENCES, CANDIDATES);
    assertNear(turned.CIDEr, scores.CIDEr, 1e-12);
    assertNear(scoresOf(scores, [0, 1, 2]).Bleu_2, scores.Bleu_2, 1e-12);
    const groups = scoresByGroup(scores, (image) => image === 2 ? ["two"] : ["three", "all"]);
    assert.deepEqual(groups.map(({ group, images }) => [group, images]), [["all", 2], ["three", 2], [
      "two",
      1,
    ]]);
    assertNear(groups[2].ROUGE_L, 1, 1e-12);
    assert.deepEqual([1, 6, 7, 16].map(lengthGroup), ["1-6", "1-6", "7-8", "16+"]);
  });
  it("refuse what cannot be scored", () => {
    assert.throws(() => scoreCaptions(REFERENCES, new Map([[4, ["a"]]])), /image 4: it has no reference/);
    assert.throws(() => scoreCaptions(REFERENCES, new Map()), /found none/);
  });
});

describe("two systems", () => {
  const references = new Map(range(60).map((id) => [id, [`a dog number ${id} runs`.split(" ")]]));
  const good = new Map(range(60).map((id) => [id, `a dog number ${id} runs`.split(" ")]));
  const bad = new Map(range(60).map((id) => [id, id % 2 ? "a dog runs".split(" ") : good.get(id)!]));
  const [a, b] = [scoreCaptions(references, good), scoreCaptions(references, bad)];

  it("differ significantly where half of the captions are worse", () => {
    const { CIDEr, Bleu_4 } = compareScores(a, b, { samples: 200 });
    for (const { difference, low, high, p } of [CIDEr, Bleu_4]) {
      assert.ok(difference < 0 && low <= difference && difference <= high && high < 0 && p < 0.01);
    }
  });
  it("are compared image by image, in whatever order they come", () => {
    const cut = (every: number) =>
      new Map([...good].map(([id, tokens]) => [id, id % every === 0 ? tokens.slice(0, 3) : tokens]));
    const [first, second] = [scoreCaptions(references, cut(4)), scoreCaptions(references, cut(3))];
    const turned = scoreCaptions(references, new Map([...cut(3)].reverse()));
    const [straight, crossed] = [compareScores(first, second), compareScores(first, turned)];
    for (const name of ["Bleu_2", "CIDEr"] as const) {
      assert.ok(straight[name].p > 0.05 && straight[name].p < 0.9, `${name}: ${straight[name].p}`);
      assert.equal(crossed[name].p, straight[name].p);
      assertNear(crossed[name].low, straight[name].low, 1e-12);
    }
  });
  it("do not differ from themselves, in any order of images", () => {
    const turned = scoreCaptions(references, new Map([...good].reverse()));
    const { Bleu_1 } = compareScores(a, turned, { samples: 50 });
    assert.equal(Bleu_1.p, 1);
    assert.ok(Math.abs(Bleu_1.low) < 1e-12 && Math.abs(Bleu_1.high) < 1e-12);
  });
  it("are compared on the same images, scored in the same way", () => {
    const fewer = scoreCaptions(references, new Map([...good].slice(1)));
    assert.throws(
      () => compareScores(a, fewer),
      /Cannot compare two systems by Bleu_1: one is BLEU-1\|images:60/,
    );
    const other = scoreCaptions(references, good, { tokenizer: "segment" });
    assert.throws(() => compareScores(a, other), /tok:ptb.*tok:segment/);
  });
});

function words(lines: Record<number, readonly string[]>): Map<number, string[][]> {
  return new Map(
    Object.entries(lines).map(([id, list]) => [Number(id), list.map((line) => line.split(" "))]),
  );
}
function range(length: number): number[] {
  return Array.from({ length }, (_, i) => i);
}
function assertNear(actual: number, expected: number, tolerance: number): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} should be ${expected} within ${tolerance}`);
}
function fakecap(): { references: Map<number, string[]>; results: CaptionResult[] } {
  const read = (path: string) => JSON.parse(Deno.readTextFileSync(`${FIXTURES}/${path}`));
  const { annotations } = read(PTB) as { annotations: { image_id: number; caption: string }[] };
  const references = Map.groupBy(annotations, ({ image_id }) => image_id);
  return {
    references: new Map([...references].map(([id, list]) => [id, list.map(({ caption }) => caption)])),
    results: parseResults(read(FAKECAP), { source: FAKECAP }),
  };
}
