// This module runs in Deno only. It stands in for the function of the same name in jsr:@std/cli; see README.
/** Command-line arguments into an object. What the published function does with nested keys (`--a.b`) is left out. */

/** Which flags there are, by type. Flags named in none of the lists are read as numbers, strings or `true`. */
export interface ParseOptions {
  /** Flags without a value; false when not given. */
  boolean?: string | readonly string[];
  /** Flags with a value; "" when the value is missing. */
  string?: string | readonly string[];
  /** Flags that may be repeated: their values are collected in an array, empty when not given. */
  collect?: string | readonly string[];
  /** Flags that `--no-flag` sets to false. */
  negatable?: string | readonly string[];
  /** Other names of a flag, e.g. `{ help: "h" }`. Results carry all of them. */
  alias?: Readonly<Record<string, string | readonly string[]>>;
  /** Values of flags that were not given. */
  default?: Readonly<Record<string, unknown>>;
  /** Called for each argument that no list names; returning false leaves it out. */
  unknown?: (argument: string, key?: string, value?: unknown) => unknown;
  /** Everything behind the first positional argument is positional. Default false. */
  stopEarly?: boolean;
}

/** The flags' values by name, and in `_` what was no flag. */
export type Args = { [name: string]: unknown; _: (string | number)[] };

const NUMBER = /^(?:0x[0-9a-f]+|[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?)$/i;

const list = (names: string | readonly string[] = []) => typeof names === "string" ? [names] : names;
const toNumber = (text: string) => NUMBER.test(text) ? Number(text) : text;

/** Parses command-line arguments: `--flag`, `--no-flag`, `--name value`, `--name=value`, `-abc`; `--` ends the flags. */
export function parseArgs(args: readonly string[], options: ParseOptions = {}): Args {
  const aliases = new Map<string, readonly string[]>();
  for (const [name, others] of Object.entries(options.alias ?? {})) {
    const all = [name, ...list(others)];
    for (const one of all) aliases.set(one, all.filter((other) => other !== one));
  }
  const withAliases = (names?: string | readonly string[]) =>
    new Set(list(names).flatMap((name) => [name, ...aliases.get(name) ?? []]));
  const booleans = withAliases(options.boolean);
  const strings = withAliases(options.string);
  const collected = withAliases(options.collect);
  const negatable = withAliases(options.negatable);
  const isKnown = (key: string) => booleans.has(key) || strings.has(key) || aliases.has(key);

  const result: Args = { _: [] };
  const set = (key: string, value: unknown, argument: string) => {
    if (!isKnown(key) && options.unknown?.(argument, key, value) === false) return;
    const read = !strings.has(key) && typeof value === "string" ? toNumber(value) : value;
    for (const name of [key, ...aliases.get(key) ?? []]) {
      result[name] = collected.has(name) ? [...(result[name] as unknown[] ?? []), read] : read;
    }
  };
  const bare = (key: string) => strings.has(key) ? "" : true;
  /** Sets `key` from the argument behind it where that can be its value, else to what it means alone. */
  const setFromNext = (key: string, i: number, isFlag: RegExp): number => {
    const next = flags[i + 1];
    const takes = next ? (booleans.has(key) ? /^(true|false)$/.test(next) : !isFlag.test(next)) : false;
    set(key, takes ? (booleans.has(key) ? next === "true" : next) : bare(key), flags[i]);
    return takes ? i + 1 : i;
  };

  const terminator = args.indexOf("--");
  const flags = terminator < 0 ? args : args.slice(0, terminator);
  const rest = terminator < 0 ? [] : args.slice(terminator + 1);
  for (let i = 0; i < flags.length; i++) {
    const argument = flags[i];
    const [, dashes, key, value] = /^(--?)([^=]+)(?:=([\s\S]*))?$/.exec(argument) ?? [];
    if (dashes === "--") {
      if (value) set(key, booleans.has(key) ? value === "true" : value, argument);
      else if (key.startsWith("no-") && negatable.has(key.slice(3))) set(key.slice(3), false, argument);
      else i = setFromNext(key, i, /^-/);
    } else if (dashes === "-" && key !== "-") {
      // -abc 5 is -a -b -c 5; a value may follow its letter at once: -n5, -n=5
      const [, letters, glued] = /^(.[A-Za-z]*?)(-?[\d\W].*)?$/s.exec(argument.slice(1)) ?? [];
      for (const letter of letters.slice(0, -1)) set(letter, bare(letter), argument);
      const last = letters[letters.length - 1];
      if (glued !== undefined) set(last, glued.replace(/^=/, ""), argument);
      else i = setFromNext(last, i, /^--?[^-]/);
    } else {
      if (options.unknown?.(argument) !== false) {
        result._.push(strings.has("_") ? argument : toNumber(argument));
      }
      if (options.stopEarly) {
        result._.push(...flags.slice(i + 1));
        break;
      }
    }
  }
  result._.push(...rest);
  for (const [key, value] of Object.entries(options.default ?? {})) {
    for (const name of [key, ...aliases.get(key) ?? []]) result[name] ??= value;
  }
  for (const key of booleans) result[key] ??= collected.has(key) ? [] : false;
  for (const key of strings) if (collected.has(key)) result[key] ??= [];
  return result;
}
