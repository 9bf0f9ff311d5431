// This module is browser compatible.
/** What a model file's metadata must be like, so that a damaged or hostile file is refused before anything is built. */

import { DECODERS, ENCODERS } from "./config.ts";

/** Anything larger is a mistake: memory would run out long before. */
const MOST = 65_536;
const LARGEST_PICTURE = 4096;

type Fields = Readonly<Record<string, unknown>>;

/**
 * What is wrong with the metadata of a model, in words; nothing if they are whole.
 *
 * @param info The "showtell" metadata as parsed.
 */
export function infoProblems(info: Fields): string[] {
  const problems = ["config", "words", "wordSource", "recipe", "step", "scores", "dataHash"]
    .filter((key) => info[key] === undefined)
    .map((key) => `${key} is missing`);
  const check = (name: string, value: unknown, fits: boolean, wanted: string) => {
    if (!fits) problems.push(`${name} is ${JSON.stringify(value) ?? "missing"}, should be ${wanted}`);
  };
  if (info.words !== undefined) {
    const words = Array.isArray(info.words) ? info.words : [undefined];
    const fits = words.every((word) => typeof word === "string" && word !== "") &&
      new Set(words).size === words.length;
    if (!fits) problems.push("words should be a list of different texts");
  }
  if (info.config === undefined) return problems;
  if (!isObject(info.config)) return [...problems, `config is ${JSON.stringify(info.config)}`];
  const { encoder, decoder, channels, dropout, preprocessing, ...sizes } = info.config;
  check("encoder", encoder, isOneOf(ENCODERS, encoder), `one of ${ENCODERS.join(", ")}`);
  check("decoder", decoder, isOneOf(DECODERS, decoder), `one of ${DECODERS.join(", ")}`);
  for (const key of ["embedding", "hidden", "attention"]) {
    check(key, sizes[key], isSize(sizes[key], MOST), `a whole number from 1 to ${MOST}`);
  }
  const list = Array.isArray(channels) && channels.every((channel) => isSize(channel, MOST));
  check("channels", channels, list, `a list of whole numbers from 1 to ${MOST}`);
  const { imageNorm } = info.config;
  const normFits = imageNorm === undefined || (typeof imageNorm === "boolean" && decoder === "show_tell");
  check(
    "imageNorm",
    imageNorm,
    normFits,
    "true, false or absent, and absent unless the decoder is show_tell",
  );
  check("dropout", dropout, isNumber(dropout) && dropout >= 0 && dropout < 1, "a number from 0 to 1");
  if (!isObject(preprocessing)) return [...problems, "preprocessing is missing"];
  const { size, resize, shortSide, mean, std, orientation } = preprocessing;
  check("size", size, isSize(size, LARGEST_PICTURE), `a whole number from 1 to ${LARGEST_PICTURE}`);
  check("resize", resize, isOneOf(["squash", "crop"], resize), "squash or crop");
  if (shortSide !== undefined) {
    check("shortSide", shortSide, isSize(shortSide, MOST), `a whole number from 1 to ${MOST}`);
  }
  check("mean", mean, isChannels(mean), "three numbers");
  check("std", std, isChannels(std) && std.every((value) => value > 0), "three numbers above 0");
  check("orientation", orientation, orientation === "exif", "exif");
  return problems;
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function isSize(value: unknown, most: number): boolean {
  return isNumber(value) && Number.isInteger(value) && value >= 1 && value <= most;
}

function isChannels(value: unknown): value is number[] {
  return Array.isArray(value) && value.length === 3 && value.every(isNumber);
}

function isOneOf(choices: readonly string[], value: unknown): boolean {
  return typeof value === "string" && choices.includes(value);
}
