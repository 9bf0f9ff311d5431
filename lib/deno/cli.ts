// This module runs in Deno only.
/** The command line of every script: options with types and defaults, `--help`, and errors that name the nearest flag. */

import { parseArgs } from "@std/cli/parse-args";
import { helpText } from "./cli_help.ts";
import { nearest } from "./cli_nearest.ts";
import {
  type CommandDescription,
  flagName,
  HelpRequest,
  type OptionDefinition,
  type OptionDefinitions,
  type Options,
  optionType,
  UsageError,
} from "./cli_options.ts";

export {
  type CommandDescription,
  HelpRequest,
  type OptionDefinition,
  type OptionDefinitions,
  type Options,
  UsageError,
} from "./cli_options.ts";

/**
 * Reads a script's arguments.
 *
 * ```ts
 * const options = parseOptions(Deno.args, {
 *   epochs: { default: 20, min: 1, description: "passes over the training captions" },
 *   learningRate: { default: 4e-4, description: "step size of Adam" },
 *   device: { default: "auto", choices: ["auto", "webgpu", "cpu"], description: "what computes" },
 *   count: { type: "integer", choices: ["all"], description: "photos" }, // number | "all" | undefined
 * }, { command: "deno task train", purpose: "Trains a captioner." });
 * ```
 *
 * @throws {UsageError} If a flag is unknown, or a value is missing or not acceptable.
 * @throws {HelpRequest} If `--help` or `-h` is among the arguments.
 */
export function parseOptions<const O extends OptionDefinitions>(
  args: readonly string[],
  definitions: O,
  about: CommandDescription,
): Options<O> {
  const entries = Object.entries<OptionDefinition>(definitions);
  const switches = entries.filter(([, option]) => optionType(option) === "boolean");
  const booleans = switches.map(([key]) => flagName(key));
  const valued = entries.map(([key]) => flagName(key)).filter((flag) => !booleans.includes(flag));
  const known = [...booleans, ...valued, "help"];
  const shorts = entries.filter(([, option]) => option.short).map((
    [key, option],
  ) => [flagName(key), option.short!]);
  checkSpelling(args, booleans);
  const parsed: Record<string, unknown> & { _: (string | number)[] } = parseArgs([...args], {
    boolean: [...booleans, "help"],
    negatable: booleans,
    string: [...valued, "_"], // "_": positional arguments stay text, "007" included
    collect: valued, // always, so that a flag given twice is noticed
    alias: Object.fromEntries([...shorts, ["help", "h"]]),
    default: Object.fromEntries(switches.map(([key, option]) => [flagName(key), option.default ?? false])),
    unknown: (argument, key) => {
      if (key !== undefined) throw unknownFlag(argument, key, known);
    },
  });
  if (parsed.help) throw new HelpRequest(helpText(definitions, about));
  const options: Record<string, unknown> = { positionals: readPositionals(parsed._.map(String), about) };
  for (const [key, option] of entries) {
    const flag = flagName(key);
    options[key] = booleans.includes(flag)
      ? parsed[flag]
      : readValues(flag, option, parsed[flag] as string[]);
  }
  return options as Options<O>; // the loop above gives each key the type that its definition says
}

/** Refuses what parseArgs would read as something else: `--flag=` without a value, `--json=yes`. */
function checkSpelling(args: readonly string[], booleans: readonly string[]): void {
  for (const argument of args) {
    if (argument === "--") return;
    const [, flag, value] = /^--([^=]+)=([\s\S]*)$/.exec(argument) ?? [];
    if (flag !== undefined && booleans.includes(flag) ? !/^(true|false)$/.test(value) : value === "") {
      const expected = booleans.includes(flag) ? `--${flag} or --no-${flag}` : "a value behind the =";
      throw new UsageError(`Cannot read ${argument}: expected ${expected}`);
    }
  }
}

function unknownFlag(argument: string, key: string, known: readonly string[]): UsageError {
  const flag = argument.startsWith("--") ? argument.split("=")[0] : `-${key}`;
  const guess = nearest(key, known);
  const hint = guess ? `did you mean --${guess}?` : "--help lists those there are";
  return new UsageError(`Cannot read ${flag}: there is no such option, ${hint}`);
}

function readPositionals(given: readonly string[], { positionals }: CommandDescription): readonly string[] {
  const { name = "", description = "", min = 0, max = Infinity } = positionals ?? { max: 0 };
  if (given.length > max) {
    const what = max === 0 ? "expected options only (--help lists them)" : `expected at most ${max} ${name}`;
    throw new UsageError(`Cannot read "${given[max]}": ${what}`);
  }
  if (given.length < min) {
    throw new UsageError(
      `Cannot start: ${name} is missing, expected ${description} (--help shows an example)`,
    );
  }
  return given;
}

function readValues(flag: string, option: OptionDefinition, given: readonly string[]): unknown {
  if (option.list) {
    const texts = given.flatMap((text) => text.split(",").map((part) => part.trim()));
    return given.length === 0 ? option.default ?? [] : texts.map((text) => readValue(flag, option, text));
  }
  if (given.length > 1) {
    throw new UsageError(`Cannot read --${flag}: it is given ${given.length} times, expected once`);
  }
  return given.length === 0 ? option.default : readValue(flag, option, given[0]);
}

function readValue(flag: string, option: OptionDefinition, text: string): string | number {
  const { choices, min = 0, max = Infinity } = option;
  const type = optionType(option);
  if (text !== "") {
    if (choices?.includes(text)) return text;
    if (type === "string" && !choices) return text;
    if (type !== "string") {
      const value = Number(text);
      const fits = type === "integer" ? Number.isSafeInteger(value) : Number.isFinite(value);
      if (fits && value >= min && value <= max) return value;
    }
  }
  const found = text === "" ? `--${flag}: its value is missing` : `--${flag} ${text}`;
  const guess = text !== "" && type === "string" ? nearest(text, choices ?? []) : undefined;
  throw new UsageError(
    `Cannot read ${found}${text === "" ? "," : ":"} expected ${expectation(option)}${
      guess ? `; did you mean ${guess}?` : ""
    }`,
  );
}

function expectation(option: OptionDefinition): string {
  const { choices = [], min = 0, max } = option;
  const type = optionType(option);
  if (type === "string") return choices.length ? `one of ${choices.join(", ")}` : "text";
  const number = type === "integer" ? "a whole number" : "a number";
  const range = max === undefined ? `${number} of at least ${min}` : `${number} from ${min} to ${max}`;
  return [range, ...choices].join(" or ");
}
