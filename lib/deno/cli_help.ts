// This module runs in Deno only.
/** The text of `--help`. */

import {
  type CommandDescription,
  flagName,
  type OptionDefinition,
  type OptionDefinitions,
  optionType,
} from "./cli_options.ts";

const WIDTH = 100;

/** Purpose, usage, options with descriptions and defaults, and examples. */
export function helpText(definitions: OptionDefinitions, about: CommandDescription): string {
  const { positionals } = about;
  const rows = Object.entries(definitions).map(([key, option]) => [flagText(key, option), describe(option)]);
  if (positionals) rows.unshift([positionals.name, positionals.description]);
  rows.push(["-h, --help", "show this text"]);
  const column = Math.min(30, Math.max(...rows.map(([flag]) => flag.length)) + 2);
  const usage = positionals
    ? `${(positionals.min ?? 0) > 0 ? positionals.name : `[${positionals.name}]`}${
      (positionals.max ?? Infinity) > 1 ? "…" : ""
    } `
    : "";
  const lines = [about.purpose, "", `Usage: ${about.command} ${usage}[options]`, "", "Options:"];
  for (const [flag, text] of rows) lines.push(...row(flag, text, column));
  if (about.examples?.length) lines.push("", "Examples:", ...about.examples.map((example) => `  ${example}`));
  return lines.join("\n");
}

function flagText(key: string, option: OptionDefinition): string {
  const type = optionType(option);
  const start = `${option.short ? `-${option.short}, ` : ""}--${flagName(key)}`;
  if (type === "boolean") return option.default === true ? `--no-${flagName(key)}` : start;
  const words = type === "string" ? option.choices : ["N", ...option.choices ?? []];
  return `${start} ${option.placeholder ?? words?.join("|") ?? "TEXT"}${option.list ? ",…" : ""}`;
}

function describe(option: OptionDefinition): string {
  const value = option.default;
  if (value === undefined || typeof value === "boolean" || value === "") return option.description;
  return `${option.description} (default ${Array.isArray(value) ? value.join(",") : value})`;
}

function row(flag: string, text: string, column: number): string[] {
  const lines = [`  ${flag.padEnd(column)}`];
  if (flag.length >= column) lines.push(" ".repeat(column + 2));
  let fresh = true;
  for (const word of text.split(" ")) {
    const last = lines.length - 1;
    if (!fresh && lines[last].length + word.length + 1 > WIDTH) lines.push(" ".repeat(column + 2) + word);
    else lines[last] += fresh ? word : ` ${word}`;
    fresh = false;
  }
  return lines.map((line) => line.trimEnd());
}
