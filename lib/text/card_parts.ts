// This module is browser compatible.
/** Parts of the evaluation card, each a piece of markup. */
import type { Evaluation } from "./evaluate.ts";
import { type ForeignScores, type ImageScores, spider } from "./evaluation_report.ts";
import type { GroupScores } from "./groups.ts";
import { escapeXml, table } from "./html.ts";
import { percent } from "./percent.ts";
import { SCORE_NAMES, type ScoreName } from "./score.ts";

/** Largest value of the bars. BLEU and ROUGE reach 1; CIDEr of photographs lies below 2, of drawn worlds above. */
const SCALE: Readonly<Record<ScoreName, number>> = {
  Bleu_1: 1,
  Bleu_2: 1,
  Bleu_3: 1,
  Bleu_4: 1,
  ROUGE_L: 1,
  CIDEr: 2,
  CIDEr_plain: 2,
};

/** Largest CIDEr there is. */
const LARGEST = 10;

/** Every score with its interval as figures and as a bar, then the signatures. */
export function scoreTable(evaluation: Evaluation, foreign: ForeignScores): string {
  const { scores, intervals } = evaluation;
  const rows = SCORE_NAMES.map((name) => {
    const { low, high } = intervals[name];
    const scale = high > SCALE[name] ? LARGEST : SCALE[name];
    const at = (value: number) => (100 * value / scale).toFixed(1);
    const bar = `<span class="bar"><i style="left:0;width:${at(scores[name])}%;opacity:.5"></i>` +
      `<i style="left:${at(low)}%;width:${at(high - low)}%"></i></span>`;
    return [name, scores[name].toFixed(4), `${low.toFixed(4)} to ${high.toFixed(4)}`, bar];
  });
  const outside = Object.entries(foreign) as [string, ForeignScores["METEOR"]][];
  for (const [name, score] of outside) if (score) rows.push([name, score.score.toFixed(4), "", ""]);
  const both = spider(evaluation, foreign);
  if (both !== undefined) rows.push(["SPIDEr", both.toFixed(4), "", ""]);
  const signatures = [
    ...Object.values(scores.signatures),
    ...outside.flatMap(([, score]) => score?.signature ?? []),
  ];
  return table(["score", "", "95 % of resampled sets", ""], rows) +
    `<details><summary>Signatures</summary>${
      signatures.map((line) => `<p><code>${escapeXml(line)}</code></p>`).join("")
    }</details>`;
}

/** Variety, repetition and hallucination. */
export function captionStatistics({ diversity, repetition, hallucinations, mutualBleu }: Evaluation): string {
  const rows = [
    ["distinct-1", diversity.distinct1.toFixed(4), "different words as a share of all"],
    ["distinct-2", diversity.distinct2.toFixed(4), "different pairs of words as a share of all"],
    ["distinct captions", percent(diversity.distinctCaptions), ""],
    ["words used", String(diversity.wordsUsed), ""],
    ["stutter", percent(repetition.stutter), "captions with a word twice in a row"],
    ["repeated pairs", percent(repetition.repeatedPairs), "captions with a pair of words twice"],
    ["repeated threes", percent(repetition.repeatedThrees), "captions with three words twice"],
  ];
  const { novelCaptions, vocabularyUsed } = diversity;
  if (novelCaptions !== undefined) {
    rows.push(["novel captions", percent(novelCaptions), "equal to no training caption"]);
  }
  if (vocabularyUsed !== undefined) rows.push(["vocabulary used", percent(vocabularyUsed), ""]);
  if (mutualBleu) {
    rows.push(["mBLEU-4", mutualBleu[3].toFixed(4), "of one picture's candidates: less is more varied"]);
  }
  if (hallucinations) {
    const { CHAIRs, CHAIRi, mentions } = hallucinations;
    rows.push(["CHAIRs", percent(CHAIRs), "captions that name an object that is not there"]);
    rows.push(["CHAIRi", percent(CHAIRi), `of ${mentions.toLocaleString("en-US")} objects named`]);
  }
  return table(["", "", ""], rows);
}

/** Longest caption with a bar of its own: one of a thousand words would make a chart of 24,000 pixels. */
const LONGEST_BAR = 40;

/** How many captions have each length, as an SVG; the last bar holds all that are longer. */
export function lengthChart({ lengths }: Evaluation): string {
  const { mean } = lengths;
  const histogram = lengths.histogram.slice(0, LONGEST_BAR + 1);
  const longer = lengths.histogram.slice(LONGEST_BAR + 1);
  if (longer.length > 0) histogram.push(longer.reduce((sum, count) => sum + count, 0));
  const most = Math.max(...histogram);
  const [width, height] = [histogram.length * 24, 120];
  const bars = histogram.map((count, length) => {
    const tall = Math.round(100 * count / most);
    const words = length > LONGEST_BAR ? `${length}+` : `${length}`;
    return `<rect x="${length * 24 + 2}" y="${
      105 - tall
    }" width="20" height="${tall}" fill="#3b82f6"><title>` +
      `${count} of ${words} words</title></rect><text x="${
        length * 24 + 12
      }" y="118" text-anchor="middle">${words}</text>`;
  });
  return `<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="Captions by length, ` +
    `mean ${mean.toFixed(2)} words">${bars.join("")}</svg>`;
}

/** Scores of parts of the set. */
export function figures(groups: readonly GroupScores[], what: string): string {
  const shown = ["Bleu_1", "Bleu_4", "ROUGE_L", "CIDEr"] as const;
  return table(
    [what, "images", ...shown],
    groups.map((group) => [
      escapeXml(group.group),
      group.images.toLocaleString("en-US"),
      ...shown.map((name) => group[name].toFixed(4)),
    ]),
  );
}

/** One picture with its caption, its scores and its references; hallucinated objects are marked. */
export function pictureCard(
  image: ImageScores,
  { references, picture }: { readonly references: readonly string[]; readonly picture?: string },
): string {
  const { image_id, caption, Bleu_4, ROUGE_L, CIDEr, hallucinated = [] } = image;
  const shown = picture === undefined ? "" : `<img src="${escapeXml(picture)}" alt="${escapeXml(caption)}">`;
  const marks = hallucinated.length === 0
    ? ""
    : `<span class="scores">not there: ${
      hallucinated.map((name) => `<mark>${escapeXml(name)}</mark>`).join(" ")
    }</span>`;
  const list = references.map((reference) => `<li>${escapeXml(reference)}</li>`).join("");
  return `<figure>${shown}<b>${escapeXml(caption)}</b>
<span class="scores">CIDEr-D ${CIDEr.toFixed(3)} · BLEU-4 ${Bleu_4.toFixed(3)} · ROUGE-L ${
    ROUGE_L.toFixed(3)
  }</span> ${marks}
<ul>${list}</ul><span class="id">${escapeXml(String(image_id))}</span></figure>`;
}
