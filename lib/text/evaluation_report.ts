// This module is browser compatible.
/** An evaluation as JSON, as lines per image and as a table. */
import { BLEU_COUNTS } from "./bleu.ts";
import type { Interval } from "./bootstrap.ts";
import type { Evaluation } from "./evaluate.ts";
import type { ImageId } from "./encode_captions.ts";
import { percent } from "./percent.ts";
import { describeProblems } from "./results.ts";
import { SCORE_NAMES } from "./score.ts";

/** A score of a program outside the project. */
export interface ForeignScore {
  /** Mean over images. */
  readonly score: number;
  /** Score of each image, in the order of the evaluation's images; NaN where it has none. */
  readonly perImage: Float64Array;
  /** Program, version and options. */
  readonly signature: string;
}

/** Scores by programs that the user pointed to. */
export interface ForeignScores {
  readonly METEOR?: ForeignScore;
  readonly SPICE?: ForeignScore;
}

/** One image's line of `--per-image`. */
export interface ImageScores {
  readonly image_id: ImageId;
  readonly caption: string;
  readonly Bleu_1: number;
  readonly Bleu_2: number;
  readonly Bleu_3: number;
  readonly Bleu_4: number;
  readonly ROUGE_L: number;
  readonly CIDEr: number;
  readonly CIDEr_plain: number;
  readonly METEOR?: number;
  readonly SPICE?: number;
  /** Words of the caption. */
  readonly words: number;
  /** Its closest reference's. */
  readonly reflen: number;
  /** Classes named and not there, where instances were given. */
  readonly hallucinated?: readonly string[];
}

/** Mean of CIDEr-D and SPICE (Liu et al. 2017), where SPICE was run. */
export function spider(evaluation: Evaluation, foreign: ForeignScores): number | undefined {
  return foreign.SPICE && (evaluation.scores.CIDEr + foreign.SPICE.score) / 2;
}

/** The object that `evaluate --json` prints. */
export function evaluationJson(evaluation: Evaluation, foreign: ForeignScores = {}): Record<string, unknown> {
  const { scores, intervals, problems, hallucinations, byObject, mutualBleu } = evaluation;
  const { images, testlen, reflen, guess, correct } = scores;
  const outside = Object.entries(foreign).filter(([, score]) => score !== undefined) as [
    string,
    ForeignScore,
  ][];
  return {
    images,
    ...Object.fromEntries(SCORE_NAMES.map((name) => [name, scores[name]])),
    ...Object.fromEntries(outside.map(([name, { score }]) => [name, score])),
    ...foreign.SPICE && { SPIDEr: spider(evaluation, foreign) },
    testlen,
    reflen,
    guess,
    correct,
    intervals,
    diversity: evaluation.diversity,
    lengths: evaluation.lengths,
    repetition: evaluation.repetition,
    ...mutualBleu && { mBLEU: mutualBleu },
    ...hallucinations &&
      { CHAIRs: hallucinations.CHAIRs, CHAIRi: hallucinations.CHAIRi, mentions: hallucinations.mentions },
    byLength: evaluation.byLength,
    ...byObject && { byObject },
    problems: Object.fromEntries(Object.entries(problems).map(([kind, ids]) => [kind, ids.length])),
    signatures: signaturesOf(evaluation, foreign),
  };
}

/** How each score was computed, by its name. */
function signaturesOf({ scores }: Evaluation, foreign: ForeignScores): Record<string, string> {
  const outside = Object.entries(foreign).flatMap(([name, score]) => score ? [[name, score.signature]] : []);
  return { ...scores.signatures, ...Object.fromEntries(outside) };
}

/** One object an image, in the order of the evaluation's images: the lines of `--per-image`. */
export function* imageScores(evaluation: Evaluation, foreign: ForeignScores = {}): Generator<ImageScores> {
  const { scores: { ids, perImage, bleuCounts }, captions, hallucinations } = evaluation;
  for (const [image, id] of ids.entries()) {
    yield {
      image_id: id,
      caption: captions.get(id)!,
      Bleu_1: perImage.Bleu_1[image],
      Bleu_2: perImage.Bleu_2[image],
      Bleu_3: perImage.Bleu_3[image],
      Bleu_4: perImage.Bleu_4[image],
      ROUGE_L: perImage.ROUGE_L[image],
      CIDEr: perImage.CIDEr[image],
      CIDEr_plain: perImage.CIDEr_plain[image],
      ...foreign.METEOR && { METEOR: foreign.METEOR.perImage[image] },
      ...foreign.SPICE && { SPICE: foreign.SPICE.perImage[image] },
      words: bleuCounts[image * BLEU_COUNTS],
      reflen: bleuCounts[image * BLEU_COUNTS + 1],
      ...hallucinations && { hallucinated: hallucinations.perImage.get(id) ?? [] },
    };
  }
}

/** What did not fit, scores with their intervals and the rest, and how they were computed: a line each, for people. */
export function evaluationTable(evaluation: Evaluation): string[] {
  const { scores, intervals, diversity, lengths, repetition, hallucinations, mutualBleu } = evaluation;
  const rows: Row[] = [];
  for (const name of SCORE_NAMES) rows.push([name, scores[name].toFixed(4), range(intervals[name])]);
  if (hallucinations) {
    rows.push(["CHAIRs", percent(hallucinations.CHAIRs), "captions that name an object that is not there"]);
    rows.push(["CHAIRi", percent(hallucinations.CHAIRi), `of ${hallucinations.mentions} objects named`]);
  }
  rows.push(["length", lengths.mean.toFixed(2), `words, ${lengths.shortest} to ${lengths.longest}`]);
  rows.push(["length ratio", (scores.testlen / scores.reflen).toFixed(4), "to the closest references"]);
  rows.push(["distinct-1", diversity.distinct1.toFixed(4), `${diversity.wordsUsed} different words`]);
  rows.push(["distinct-2", diversity.distinct2.toFixed(4)]);
  rows.push(["distinct captions", percent(diversity.distinctCaptions)]);
  if (diversity.novelCaptions !== undefined) rows.push(["novel captions", percent(diversity.novelCaptions)]);
  if (diversity.vocabularyUsed !== undefined) {
    rows.push(["vocabulary used", percent(diversity.vocabularyUsed)]);
  }
  if (mutualBleu) {
    rows.push(["mBLEU-4", mutualBleu[3].toFixed(4), "of the candidates of one image: less is more varied"]);
  }
  rows.push(["repetition", percent(repetition.repeatedPairs), "captions with a pair of words twice"]);
  return [
    ...describeProblems(evaluation.problems),
    ...aligned(rows),
    ...Object.values(signaturesOf(evaluation, {})),
  ];
}

/** The scores of other programs, and how they were computed: a line each, for people. */
export function foreignTable(evaluation: Evaluation, foreign: ForeignScores): string[] {
  const scores = Object.entries(foreign) as [string, ForeignScore][];
  const rows: Row[] = scores.map(([name, { score }]) => [name, score.toFixed(4)]);
  const both = spider(evaluation, foreign);
  if (both !== undefined) rows.push(["SPIDEr", both.toFixed(4)]);
  return [...aligned(rows), ...scores.map(([, { signature }]) => signature)];
}

type Row = readonly [name: string, value: string, note?: string];

function aligned(rows: readonly Row[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value, note]) =>
    `${name.padEnd(width)}  ${value.padStart(8)}${note ? `  ${note}` : ""}`
  );
}

function range({ low, high }: Interval): string {
  return `95 %: ${low.toFixed(4)} to ${high.toFixed(4)}`;
}
