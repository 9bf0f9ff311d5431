// This module is browser compatible.
/** Everything that is said of a set of generated captions: scores with intervals, variety, hallucination, and by part. */
import { type BootstrapOptions, type Interval, scoreIntervals } from "./bootstrap.ts";
import { type Hallucinations, hallucinations, type ImageObjects } from "./chair.ts";
import {
  type Diversity,
  diversity,
  type Lengths,
  lengths,
  mutualBleu,
  type Repetition,
  repetition,
} from "./diversity.ts";
import type { DocumentFrequencies } from "./document_frequencies.ts";
import type { Candidates, ImageId, References } from "./encode_captions.ts";
import { type GroupScores, lengthGroup, scoresByGroup } from "./groups.ts";
import {
  type CaptionResult,
  type MatchOptions,
  matchResults,
  requireMatch,
  type ResultProblems,
} from "./results.ts";
import { scoreCaptions, type ScoreName, type Scores } from "./score.ts";
import { tokenizer as tokenizerOf, type TokenizerName } from "./tokenize.ts";

/** Options of {@linkcode evaluateResults}. */
export interface EvaluateOptions extends BootstrapOptions, MatchOptions {
  /** How captions are cut into words. Default "ptb", as all published scores. */
  readonly tokenizer?: TokenizerName;
  /** Document frequencies of CIDEr. Default: those of the references. */
  readonly frequencies?: DocumentFrequencies;
  /** Objects by image, of COCO's instances JSON: gives CHAIR and scores by object. */
  readonly instances?: ImageObjects;
  /** Captions trained on: gives the share of novel captions. */
  readonly trainingCaptions?: Iterable<string>;
  /** Words the model can say: gives the share used. */
  readonly vocabularySize?: number;
  /** The n best captions of each image: gives mBLEU. */
  readonly candidates?: ReadonlyMap<ImageId, readonly string[]>;
}

/** What {@linkcode evaluateResults} found. */
export interface Evaluation {
  readonly scores: Scores;
  /** 95 % bootstrap interval of each score. */
  readonly intervals: Readonly<Record<ScoreName, Interval>>;
  /** What did not fit, where that was allowed. */
  readonly problems: ResultProblems;
  readonly diversity: Diversity;
  readonly lengths: Lengths;
  readonly repetition: Repetition;
  /** mBLEU of 1 to 4 words, where some image has two candidates. */
  readonly mutualBleu?: readonly number[];
  /** Where instances were given. */
  readonly hallucinations?: Hallucinations;
  /** Scores by the caption's length. */
  readonly byLength: readonly GroupScores[];
  /** Scores by object in the image, where instances were given. */
  readonly byObject?: readonly GroupScores[];
  /** The captions scored, as they were given. */
  readonly captions: ReadonlyMap<ImageId, string>;
  /** Their words. */
  readonly candidates: Candidates;
  /** Words of the references of the images scored. */
  readonly references: References;
}

/**
 * Scores generated captions against references.
 *
 * @param references Captions of each image, as people wrote them.
 * @param results Generated captions, one an image.
 * @throws {RangeError} If the sets differ and `allowMissing` is not set, or nothing is left to score.
 */
export function evaluateResults(
  references: ReadonlyMap<ImageId, readonly string[]>,
  results: Iterable<CaptionResult>,
  options: EvaluateOptions = {},
): Evaluation {
  const { tokenizer: name = "ptb", frequencies, instances, trainingCaptions, vocabularySize } = options;
  const tokenize = tokenizerOf(name);
  const matched = matchResults(references, results);
  requireMatch(matched, options);
  const { captions, problems } = matched;
  const candidates = new Map([...captions].map(([id, caption]) => [id, tokenize(caption)]));
  const referenceWords = new Map(
    [...captions.keys()].map((id) => [id, references.get(id)!.map((caption) => tokenize(caption))]),
  );
  const scores = scoreCaptions(referenceWords, candidates, { frequencies, tokenizer: name });
  const words = [...candidates.values()];
  const training = trainingCaptions &&
    new Set(Array.from(trainingCaptions, (caption) => tokenize(caption).join(" ")));
  // A search may end with fewer captions than it was asked for: one says nothing of variety.
  const several = [...options.candidates ?? []].filter(([, list]) => list.length > 1);
  return {
    scores,
    intervals: scoreIntervals(scores, options),
    problems,
    diversity: diversity(words, { trainingCaptions: training, vocabularySize }),
    lengths: lengths(words),
    repetition: repetition(words),
    byLength: scoresByGroup(scores, (image) => [lengthGroup(words[image].length)])
      .sort((a, b) => parseInt(a.group) - parseInt(b.group)),
    ...several.length > 0 && {
      mutualBleu: mutualBleu(new Map(several.map(([id, list]) => [id, list.map(tokenize)]))),
    },
    ...instances && {
      hallucinations: hallucinations(candidates, instances, referenceWords),
      byObject: scoresByGroup(scores, (image) => instances.get(scores.ids[image]) ?? [], { atLeast: 10 }),
    },
    captions,
    candidates,
    references: referenceWords,
  };
}
