// This module is browser compatible.
/** Two systems on the same images: how far apart their scores are, and whether that means anything. */
import { type BootstrapOptions, compareScores, type Difference } from "./bootstrap.ts";
import type { DocumentFrequencies } from "./document_frequencies.ts";
import type { ImageId } from "./encode_captions.ts";
import type { Evaluation } from "./evaluate.ts";
import { type CaptionResult, type MatchOptions, matchResults, requireMatch } from "./results.ts";
import { SCORE_NAMES, scoreCaptions, type ScoreName } from "./score.ts";
import { tokenizer as tokenizerOf, type TokenizerName } from "./tokenize.ts";

/** Options of {@linkcode compareResults}: those that the first system was evaluated with. */
export interface CompareOptions extends BootstrapOptions, MatchOptions {
  /** How captions are cut into words. Default "ptb". */
  readonly tokenizer?: TokenizerName;
  /** Document frequencies of CIDEr. Default: those of the references of the images compared. */
  readonly frequencies?: DocumentFrequencies;
}

/** What {@linkcode compareResults} found. */
export interface Comparison {
  /** The second system's name. */
  readonly results: string;
  /** Images both have a caption of: those compared. */
  readonly images: number;
  /** Second minus first. */
  readonly differences: Readonly<Record<ScoreName, Difference>>;
}

/**
 * Compares the results of a second system with an evaluation of the first, image by image.
 *
 * @param evaluation Of the first system.
 * @param results Of the second, with the references that the first was evaluated on.
 * @throws {RangeError} If the sets of images differ and `allowMissing` is not set, or no image is in both.
 */
export function compareResults(
  evaluation: Evaluation,
  { results, references }: {
    readonly results: Iterable<CaptionResult>;
    readonly references: ReadonlyMap<ImageId, unknown>;
  },
  options: CompareOptions = {},
): Comparison {
  const { tokenizer = "ptb", frequencies, source = "the second results" } = options;
  const matched = matchResults(references, results);
  requireMatch(matched, { ...options, source });
  const { scores, candidates, references: words } = evaluation;
  const ids = scores.ids.filter((id) => matched.captions.has(id));
  if (ids.length === 0) {
    throw new RangeError(
      `Cannot compare with ${source}: no image has a caption in both, at least one should`,
    );
  }
  const scoring = { frequencies, tokenizer };
  const tokenize = tokenizerOf(tokenizer);
  const first = ids.length === scores.images
    ? scores
    : scoreCaptions(words, new Map(ids.map((id) => [id, candidates.get(id)!])), scoring);
  const theirs = new Map(ids.map((id) => [id, tokenize(matched.captions.get(id)!)]));
  const second = scoreCaptions(words, theirs, scoring);
  return { results: source, images: ids.length, differences: compareScores(first, second, options) };
}

/** A line for each score, for people. */
export function comparisonLines({ results, images, differences }: Comparison): string[] {
  const signed = (value: number) => `${value < 0 ? "" : "+"}${value.toFixed(4)}`;
  const width = Math.max(...SCORE_NAMES.map((name) => name.length));
  return [
    `${results} against these, on the ${images.toLocaleString("en-US")} images that both caption:`,
    ...SCORE_NAMES.map((name) => {
      const { difference, low, high, p } = differences[name];
      return `${name.padEnd(width)}  ${signed(difference)}  95 %: ${signed(low)} to ${signed(high)}  p = ${
        p.toFixed(4)
      }`;
    }),
  ];
}
