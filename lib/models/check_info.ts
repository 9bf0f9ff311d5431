// This module is browser compatible.
/** What a model file's metadata must be like, so that a damaged or hostile file is refused before anything is built. */

import { DECODERS, type EncoderName, ENCODERS } from "./config.ts";
import { sizeProblem } from "./encoders.ts";

/** Anything larger is a mistake: memory would run out long before. */
const MOST = 65_536;
const LARGEST_PICTURE = 4096;
const LARGEST_GRID = 64;

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
  const { encoder, decoder, channels, grid, variant, dropout, preprocessing, ...sizes } = info.config;
  check("encoder", encoder, isOneOf(ENCODERS, encoder), `one of ${ENCODERS.join(", ")}`);
  check("decoder", decoder, isOneOf(DECODERS, decoder), `one of ${DECODERS.join(", ")}`);
  for (const key of ["embedding", "hidden", "attention"]) {
    check(key, sizes[key], isSize(sizes[key], MOST), `a whole number from 1 to ${MOST}`);
  }
  if (encoder === "tiny") {
    const list = Array.isArray(channels) && channels.length === 4 &&
      channels.every((channel) => isSize(channel, MOST));
    check("channels", channels, list, `a list of four whole numbers from 1 to ${MOST}`);
  } else check("channels", channels, channels === undefined, 'absent: only "tiny" has channels to choose');
  if (grid !== undefined) {
    check("grid", grid, isSize(grid, LARGEST_GRID), `a whole number from 1 to ${LARGEST_GRID}`);
  }
  const variants = encoder === "mobilenet_v2" ? [undefined, "keras"] : [undefined];
  check(
    "variant",
    variant,
    variants.includes(variant as undefined),
    variants.length > 1 ? "keras" : "absent",
  );
  const config: Fields = info.config;
  const flag = (key: string, decoders: readonly unknown[]) => {
    const value = config[key];
    const fits = value === undefined || (typeof value === "boolean" && decoders.includes(decoder));
    check(
      key,
      value,
      fits,
      `true, false or absent, and absent unless the decoder is ${decoders.join(" or ")}`,
    );
  };
  flag("imageNorm", ["show_tell"]);
  flag("imageRelu", ["show_tell"]);
  flag("deepOutput", ["attend"]);
  flag("tied", DECODERS);
  const { squash, embeddingDropout } = config;
  const squashFits = squash === undefined || (isOneOf(["relu", "tanh"], squash) && decoder === "attend");
  check("squash", squash, squashFits, "relu, tanh or absent, and absent unless the decoder is attend");
  const share = (value: unknown) => isNumber(value) && value >= 0 && value < 1;
  const droppedFits = embeddingDropout === undefined || share(embeddingDropout);
  check("embeddingDropout", embeddingDropout, droppedFits, "a number from 0 to 1, or absent");
  check("dropout", dropout, share(dropout), "a number from 0 to 1");
  if (!isObject(preprocessing)) return [...problems, "preprocessing is missing"];
  const { size, resize, shortSide, mean, std, orientation } = preprocessing;
  const whole = isSize(size, LARGEST_PICTURE);
  check("size", size, whole, `a whole number from 1 to ${LARGEST_PICTURE}`);
  if (whole && isOneOf(ENCODERS, encoder)) {
    const problem = sizeProblem(encoder as EncoderName, size as number); // just checked
    check("size", size, problem === undefined, problem ?? "");
  }
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
