// This module is browser compatible.
/** What a model file's metadata must be like, so that a damaged or hostile file is refused before anything is built. */

import { isRecord, show } from "../text/json.ts";
import { TOKENIZER_NAMES } from "../text/tokenize.ts";
import { DECODERS, type EncoderName, ENCODERS } from "./config.ts";
import { sizeProblem } from "./encoders.ts";

/** Anything larger is a mistake: memory would run out long before. */
const MOST = 65_536;
const LARGEST_PICTURE = 4096;
const LARGEST_GRID = 64;

type Fields = Readonly<Record<string, unknown>>;

/** What a field must be, and how to say so. */
interface Rule {
  readonly fits: (value: unknown) => boolean;
  readonly wanted: string;
}

/**
 * What is wrong with the metadata of a model, in words; nothing if they are whole.
 *
 * @param info The "showtell" metadata as parsed.
 */
export function infoProblems(info: Fields): string[] {
  return [
    ...problemsOf(info, {
      config: OBJECT,
      words: { fits: areWords, wanted: "a list of different texts" },
      wordSource: oneOf([...TOKENIZER_NAMES, "given"]),
      recipe: OBJECT,
      step: wholeNumber(0, Number.MAX_SAFE_INTEGER),
      scores: OBJECT,
      dataHash: { fits: (value) => typeof value === "string", wanted: "a text" },
    }),
    ...isRecord(info.config) ? configProblems(info.config) : [],
  ];
}

function configProblems(config: Fields): string[] {
  const { encoder, decoder, preprocessing } = config;
  const size = wholeNumber(1, MOST);
  const ofEncoder = (name: EncoderName, rule: Rule) =>
    encoder === name ? rule : absentUnless(`the encoder is ${name}`);
  const ofDecoder = (name: (typeof DECODERS)[number], rule: Rule) =>
    decoder === name ? optional(rule) : absentUnless(`the decoder is ${name}`);
  return [
    ...problemsOf(config, {
      encoder: oneOf(ENCODERS),
      channels: ofEncoder("tiny", FOUR_CHANNELS),
      grid: optional(wholeNumber(1, LARGEST_GRID)),
      variant: ofEncoder("mobilenet_v2", optional(oneOf(["keras"]))),
      decoder: oneOf(DECODERS),
      embedding: size,
      hidden: size,
      attention: size,
      imageNorm: ofDecoder("show_tell", FLAG),
      imageRelu: ofDecoder("show_tell", FLAG),
      squash: ofDecoder("attend", oneOf(["relu", "tanh"])),
      deepOutput: ofDecoder("attend", FLAG),
      tied: optional(FLAG),
      embeddingDropout: optional(SHARE),
      dropout: SHARE,
      preprocessing: OBJECT,
    }),
    ...isRecord(preprocessing) ? preprocessingProblems(preprocessing, encoder) : [],
  ];
}

function preprocessingProblems(preprocessing: Fields, encoder: unknown): string[] {
  const size = wholeNumber(1, LARGEST_PICTURE);
  const cut = preprocessing.resize === "crop" && size.fits(preprocessing.size); // size × size, out of the picture
  const problems = problemsOf(preprocessing, {
    size,
    resize: oneOf(["squash", "crop"]),
    shortSide: optional(wholeNumber(cut ? Number(preprocessing.size) : 1, MOST)),
    mean: { fits: areChannels, wanted: "three numbers" },
    std: {
      fits: (value) => areChannels(value) && value.every((deviation) => deviation > 0),
      wanted: "three numbers above 0",
    },
    orientation: oneOf(["exif"]),
  });
  if (problems.length > 0 || !oneOf(ENCODERS).fits(encoder)) return problems;
  const problem = sizeProblem(encoder as EncoderName, preprocessing.size as number); // just checked
  return problem === undefined ? [] : [`size is ${preprocessing.size}, should be ${problem}`];
}

function problemsOf(fields: Fields, rules: Readonly<Record<string, Rule>>): string[] {
  return Object.entries(rules)
    .filter(([name, { fits }]) => !fits(fields[name]))
    .map(([name, { wanted }]) => `${name} is ${show(fields[name])}, should be ${wanted}`);
}

const OBJECT: Rule = { fits: isRecord, wanted: "an object" };
const FLAG: Rule = { fits: (value) => typeof value === "boolean", wanted: "true or false" };
const SHARE: Rule = {
  fits: (value) => isNumber(value) && value >= 0 && value < 1,
  wanted: "a number from 0 to less than 1",
};
const FOUR_CHANNELS: Rule = {
  fits: (value) => Array.isArray(value) && value.length === 4 && value.every(wholeNumber(1, MOST).fits),
  wanted: `a list of four whole numbers from 1 to ${MOST}`,
};

function wholeNumber(least: number, most: number): Rule {
  return {
    fits: (value) => isNumber(value) && Number.isInteger(value) && value >= least && value <= most,
    wanted: `a whole number from ${least} to ${most}`,
  };
}

function oneOf(choices: readonly string[]): Rule {
  return {
    fits: (value) => typeof value === "string" && choices.includes(value),
    wanted: choices.length > 1 ? `one of ${choices.join(", ")}` : choices[0],
  };
}

function optional({ fits, wanted }: Rule): Rule {
  return { fits: (value) => value === undefined || fits(value), wanted: `${wanted}, or absent` };
}

function absentUnless(condition: string): Rule {
  return { fits: (value) => value === undefined, wanted: `absent unless ${condition}` };
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function areWords(value: unknown): boolean {
  return Array.isArray(value) && value.every((word) => typeof word === "string" && word !== "") &&
    new Set(value).size === value.length;
}

function areChannels(value: unknown): value is number[] {
  return Array.isArray(value) && value.length === 3 && value.every(isNumber);
}
