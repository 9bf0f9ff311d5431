// This module runs in Deno only.
/** Flags of the search that captions, for every script that does. */

import type { BeamOptions } from "../models/beam_search.ts";
import type { CaptionOptions } from "../models/captioner.ts";
import type { LoadedModel } from "../models/model_file.ts";
import { wordRules } from "../models/word_rules.ts";
import type { Vocabulary } from "../text/vocabulary.ts";
import { type OptionDefinitions, type Options, UsageError } from "./cli.ts";
import { flagName } from "./cli_options.ts";

/** Flags of a beam search's rules. */
export const SEARCH_OPTIONS = {
  minLength: { default: 1, min: 1, max: 1000, description: "fewest words of a caption" },
  maxLength: { default: 50, min: 1, max: 1000, description: "most words of a caption, its end included" },
  noRepeatNgram: { type: "integer", min: 1, description: "no sequence of so many words comes twice" },
  ban: { list: true, placeholder: "WORD", description: "words never said" },
  force: { list: true, placeholder: "WORD", description: "words every caption says" },
  removeBadEndings: { default: false, description: 'no caption ends with "a", "of", "with" and the like' },
  groups: {
    type: "integer",
    min: 2,
    max: 100,
    description: "splits --beam into groups, each made to say other words than those before it",
  },
  diversity: {
    type: "number",
    description: "with --groups: what a word costs that earlier groups say, in nats (default: 0.5)",
  },
  temperature: {
    default: 1,
    type: "number",
    min: 0.01,
    max: 100,
    description: "above 1 words are less sure, below 1 surer; `evaluate --calibrate` fits it",
  },
} as const satisfies OptionDefinitions;

/** Flags of drawing at random. */
export const SAMPLE_OPTIONS = {
  sample: { type: "integer", min: 1, max: 1000, description: "captions drawn at random, in place of --beam" },
  topK: { type: "integer", min: 1, description: "with --sample: only of so many likeliest words" },
  topP: {
    type: "number",
    min: 0.001,
    max: 1,
    description: "with --sample: only of the likeliest words that together are so probable (nucleus)",
  },
  seed: {
    type: "integer",
    max: 4294967295,
    description: "with --sample: names the random numbers (default: 1)",
  },
} as const satisfies OptionDefinitions;

/** Values of {@linkcode SEARCH_OPTIONS}. */
export type SearchFlags = Omit<Options<typeof SEARCH_OPTIONS>, "positionals">;
/** Values of {@linkcode SAMPLE_OPTIONS}. */
export type SampleFlags = Omit<Options<typeof SAMPLE_OPTIONS>, "positionals">;

/**
 * Makes sure that models attend to the picture, before a page is to show where.
 *
 * @param files Their names, for errors.
 * @throws {RangeError} If one of them does not.
 */
export function requireAttention(models: readonly LoadedModel[], files: readonly string[]): void {
  const blind = models.findIndex(({ model }) => model.config.decoder === "show_tell");
  if (blind < 0) return;
  throw new RangeError(
    `Cannot show where ${
      files[blind]
    } looked: its decoder is show_tell, which reads the picture once, as a whole; ` +
      `leave out --attention, or train with --decoder attend`,
  );
}

/**
 * What the flags of a beam search say.
 *
 * @param flags With the number of beams and what is not a rule.
 * @throws {UsageError} If flags contradict each other.
 * @throws {RangeError} If the model does not know a word.
 */
export function searchPlan(
  flags: SearchFlags & Pick<BeamOptions, "beam" | "lengthAlpha" | "attention">,
  vocabulary: Vocabulary,
): BeamOptions {
  const { minLength, maxLength, noRepeatNgram, groups, diversity, beam = 5 } = flags;
  if (minLength > maxLength) {
    throw new UsageError(`Cannot search: --min-length ${minLength} is above --max-length ${maxLength}`);
  }
  if (groups !== undefined && beam % groups !== 0) {
    throw new UsageError(`Cannot search: --beam ${beam} is no multiple of --groups ${groups}`);
  }
  if (diversity !== undefined && groups === undefined) {
    throw new UsageError("Cannot search: --diversity sets groups apart, give --groups too");
  }
  const { lengthAlpha, attention, temperature } = flags;
  const found = { beam, lengthAlpha, attention, temperature, minWords: minLength, maxLength };
  return { ...found, noRepeatNgram, groups, diversity, ...wordRules(vocabulary, flags) };
}

/**
 * What the flags say, drawing at random included.
 *
 * @throws {UsageError} If flags are given that would do nothing, or contradict each other.
 */
export function captionPlan(
  flags: SearchFlags & SampleFlags & Pick<BeamOptions, "beam" | "lengthAlpha" | "attention"> & {
    readonly candidates?: number;
  },
  vocabulary: Vocabulary,
): CaptionOptions {
  const { sample: samples, topK, topP, seed } = flags;
  const refuse = (names: readonly (keyof typeof flags)[], why: string) => {
    const given = names.find((name) => {
      const value = flags[name];
      return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false;
    });
    if (given === undefined) return;
    throw new UsageError(`Cannot search with --${flagName(given)}: ${why}`);
  };
  if (samples === undefined) {
    refuse(["topK", "topP", "seed"], "it belongs to --sample, give that too");
    return searchPlan({ ...flags, lengthAlpha: flags.lengthAlpha ?? 0.7 }, vocabulary);
  }
  const rules = ["noRepeatNgram", "force", "removeBadEndings", "groups", "diversity"] as const;
  refuse(
    ["beam", "lengthAlpha", ...rules],
    "it belongs to the beam search, leave it out or leave out --sample",
  );
  if (flags.candidates !== undefined && flags.candidates > samples) {
    throw new UsageError(
      `Cannot print --candidates ${flags.candidates}: --sample ${samples} draws no more, raise it`,
    );
  }
  const { minWords, maxLength, banned, temperature, attention } = searchPlan(flags, vocabulary);
  return { samples, seed: seed ?? 1, topK, topP, temperature, minWords, maxLength, banned, attention };
}
