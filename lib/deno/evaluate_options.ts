// This module runs in Deno only.
/** The evaluation script's flags. */

import { TOKENIZER_NAMES } from "../text/tokenize.ts";
import { type CommandDescription, type OptionDefinitions, UsageError } from "./cli.ts";
import { flagName } from "./cli_options.ts";
import { SEARCH_OPTIONS } from "./search_options.ts";
import { DEVICE_OPTIONS } from "./device_options.ts";

/** Flags of `evaluate`. */
export const EVALUATE_OPTIONS = {
  model: {
    list: true,
    placeholder: "FILE",
    description: "the model (default: the newest of training's and the demo's), or several to write together",
  },
  data: {
    default: "data",
    placeholder: "DIR",
    description: "folder of models, downloaded data and packed pictures",
  },
  annotations: { placeholder: "FILE", description: "captions by people" },
  images: { placeholder: "DIR", description: "folder of the photographs" },
  dataset: { placeholder: "NAME", description: "which captions, where the folder holds several sets" },
  split: {
    default: "val",
    choices: ["train", "val", "test"],
    description: "pictures a model is scored on",
  },
  valShare: {
    type: "number",
    max: 0.9,
    description: "share held out where the data name no split; as in training",
  },
  results: {
    placeholder: "FILE",
    description: "generated captions, [{image_id, caption}], in place of a model",
  },
  compare: {
    placeholder: "FILE",
    description: "a second result file: differences with their significance",
  },
  allowMissing: { default: false, description: "score the images that have both where sets differ" },
  df: {
    default: "corpus",
    placeholder: "corpus|FILE",
    description: "document frequencies of CIDEr: those of the references, or a file that --save-df wrote",
  },
  saveDf: { placeholder: "FILE", description: "write the references' document frequencies" },
  java: { default: "java", placeholder: "COMMAND", description: "the Java that runs the jars" },
  instances: { placeholder: "FILE", description: "COCO's instances JSON: adds CHAIR and scores by object" },
  words: { default: "ptb", choices: TOKENIZER_NAMES, description: "how captions are split into words" },
  meteorJar: { placeholder: "FILE", description: "meteor-1.5.jar: adds METEOR (needs Java)" },
  spiceJar: { placeholder: "FILE", description: "spice-1.0.jar: adds SPICE and SPIDEr (needs Java)" },
  perImage: { placeholder: "FILE", description: "write a JSON line for each image" },
  card: {
    placeholder: "OUT.html",
    description: "write a page with scores, best, worst and random pictures",
  },
  saveResults: { placeholder: "FILE", description: "write the captions in COCO's result format" },
  beam: { default: 3, min: 1, description: "captions kept at each word" },
  lengthAlpha: { default: 0, type: "number", description: "longer captions are favoured as this grows" },
  ...SEARCH_OPTIONS,
  calibrate: {
    default: false,
    description: "fit the temperature at which words are as sure as they are right, on half of the split",
  },
  seed: { default: 1, description: "names the samples of the intervals" },
  ...DEVICE_OPTIONS,
  json: { default: false, description: "print the scores as JSON" },
} as const satisfies OptionDefinitions;

/** Head and examples of `evaluate --help`. */
export const EVALUATE_ABOUT: CommandDescription = {
  purpose: "Scores captions: a model's on a dataset's split, or those of a file.",
  command: "deno task evaluate",
  examples: [
    "deno task evaluate --split val --card card.html",
    "deno task evaluate --annotations captions_val.json --results results.json --json",
  ],
};

/** Flags that say how a model writes: with captions from a file they would do nothing. */
const MODEL_FLAGS = [
  ...["model", "split", "valShare", "beam", "lengthAlpha", "calibrate"],
  ...Object.keys(SEARCH_OPTIONS),
];

/**
 * Refuses flags of a model beside `--results`.
 *
 * @throws {UsageError} If there is one: the message names it.
 */
export function requireNoModelFlags(args: readonly string[]): void {
  const given = new Set(args.map((argument) => argument.split("=")[0]));
  const name = MODEL_FLAGS.map(flagName).find((name) => given.has(`--${name}`));
  if (name === undefined) return;
  throw new UsageError(
    `Cannot score --results with --${name}: it says what a model is to do, leave out one of the two`,
  );
}
