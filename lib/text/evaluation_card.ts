// This module is browser compatible.
/** An evaluation as one HTML page that needs no network: scores, pictures at their best and worst, and what went wrong. */
import { hash32 } from "../random.ts";
import { captionStatistics, figures, lengthChart, pictureCard, scoreTable } from "./card_parts.ts";
import { stutters } from "./diversity.ts";
import type { ImageId } from "./encode_captions.ts";
import type { Evaluation } from "./evaluate.ts";
import { type ForeignScores, type ImageScores, imageScores } from "./evaluation_report.ts";
import { describeProblems } from "./results.ts";
import { escapeXml, section, table } from "./html.ts";

/** Options of {@linkcode evaluationCard}. */
export interface CardOptions {
  /** Title of the page: the model's or the file's name. Default "Captions". */
  readonly title?: string;
  /** A picture as a `data:` URI, or nothing where there is none. Default: no pictures. */
  readonly picture?: (id: ImageId) => Promise<string | undefined> | string | undefined;
  /** Scores of other programs. */
  readonly foreign?: ForeignScores;
  /** References of each image as people wrote them. Default: their words. */
  readonly references?: ReadonlyMap<ImageId, readonly string[]>;
  /** What else was found of the model, a line each: how sure its words are. Default: nothing. */
  readonly notes?: readonly string[];
  /** Pictures in each row of best, worst, random and hallucinating ones. Default 6. */
  readonly perRow?: number;
  /** Chooses the random pictures. Default 1. */
  readonly seed?: number;
}

const STYLE = `
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
section { overflow-x: auto; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
table { border-collapse: collapse; } td, th { padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top; overflow-wrap: break-word; }
td:last-child { overflow-wrap: anywhere; min-width: 8rem; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
.bar { display: block; width: min(14rem, 40vw); height: .9rem; background: var(--soft); position: relative; }
.bar i { position: absolute; top: 0; bottom: 0; background: #3b82f6; }
.row { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(10.5rem, 100%), 1fr)); gap: 1rem; }
figure { margin: 0; padding: .7rem; border: 1px solid var(--line); border-radius: .4rem; }
figure img { width: 100%; height: 8rem; object-fit: contain; background: var(--soft); }
figure b { display: block; margin: .3rem 0; } figure ul { margin: .3rem 0; padding-left: 1.1rem; font-size: .85rem; opacity: .8; }
.scores, .id { font-size: .8rem; opacity: .7; } mark { background: #f59e0b66; color: inherit; }
code { font-size: .8rem; } svg text { font-size: 10px; fill: currentColor; }
`;

/** The page. Pictures are asked for one after the other, only those shown. */
export async function evaluationCard(evaluation: Evaluation, options: CardOptions = {}): Promise<string> {
  const { title = "Captions", foreign = {}, notes = [], perRow = 6, seed = 1 } = options;
  const images = [...imageScores(evaluation, foreign)];
  const ranked = images.toSorted((a, b) => b.CIDEr - a.CIDEr);
  const shuffled = images.map((image, i) => ({ image, key: hash32(seed, i) })).sort((a, b) => a.key - b.key);
  const hallucinating = ranked.filter(({ hallucinated }) => hallucinated?.length).reverse();
  const rows: [heading: string, chosen: readonly ImageScores[]][] = [
    ["Best by CIDEr-D", ranked.slice(0, perRow)],
    ["Worst by CIDEr-D", ranked.slice(-perRow).reverse()],
    ["Drawn at random", shuffled.slice(0, perRow).map(({ image }) => image)],
    ["Objects named that are not there", hallucinating.slice(0, perRow)],
  ];
  const sections: string[] = [];
  for (const [heading, chosen] of rows) {
    if (chosen.length === 0) continue;
    const cards: string[] = [];
    for (const image of chosen) cards.push(await card(image, evaluation, options));
    sections.push(section(heading, `<div class="row">${cards.join("\n")}</div>`));
  }
  const { scores } = evaluation;
  const heading = `${escapeXml(title)}: ${scores.images.toLocaleString("en-US")} captions`;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${heading}</title>
<style>${STYLE}</style>
<h1>${heading}</h1>
${
    section(
      "Scores",
      scoreTable(evaluation, foreign) + notes.map((note) => `<p>${escapeXml(note)}</p>`).join("\n"),
    )
  }
${section("The captions themselves", captionStatistics(evaluation))}
${section("Length in words", lengthChart(evaluation) + figures(evaluation.byLength, "words"))}
${sections.join("\n")}
${
    evaluation.byObject?.length
      ? section("By object in the picture", figures(evaluation.byObject, "object"))
      : ""
  }
${section("Failures", failures(evaluation, images))}
</html>
`;
}

async function card(image: ImageScores, evaluation: Evaluation, options: CardOptions): Promise<string> {
  const id = image.image_id;
  const references = options.references?.get(id) ??
    evaluation.references.get(id)!.map((words) => words.join(" "));
  return pictureCard(image, { references, picture: await options.picture?.(id) });
}

/** Lists of what needs a look; each names at most ten pictures. */
function failures(evaluation: Evaluation, images: readonly ImageScores[]): string {
  const words = (id: ImageId) => evaluation.candidates.get(id)!;
  const kinds: [what: string, found: readonly ImageScores[]][] = [
    ["captions share no word with a reference", images.filter(({ Bleu_1 }) => Bleu_1 < 1e-6)],
    ["captions share no pair of words with a reference", images.filter(({ Bleu_2 }) => Bleu_2 < 1e-6)],
    ["captions say a word twice in a row", images.filter(({ image_id }) => stutters(words(image_id)))],
    ["captions hold an unknown word", images.filter(({ image_id }) => words(image_id).includes("<unk>"))],
    [
      "captions are shorter than half their reference",
      images.filter(({ words, reflen }) => words < reflen / 2),
    ],
  ];
  const rows = kinds.filter(([, found]) => found.length > 0).map(([what, found]) => [
    found.length.toLocaleString("en-US"),
    escapeXml(what),
    found.slice(0, 10).map(({ image_id, caption }) => `${escapeXml(String(image_id))}: ${escapeXml(caption)}`)
      .join("<br>"),
  ]);
  const problems = describeProblems(evaluation.problems).map((line) => `<p>${escapeXml(line)}</p>`).join("");
  return problems + (rows.length > 0 ? table(["", "what", "the first ten"], rows) : "<p>None found.</p>");
}
