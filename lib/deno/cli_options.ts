// This module runs in Deno only.
/** What an option is, and the TypeScript type of what it holds. */

/** One option: its default, or its type when it has none, and what `--help` says of it. */
export interface OptionDefinition {
  /** One line for `--help`. */
  readonly description: string;
  /** Value when the flag is not given. Without one the option is undefined then (booleans false, lists empty). */
  readonly default?: string | number | boolean | readonly (string | number)[];
  /** What it holds. Default: the default's type; a whole default number means "integer", none means "string". */
  readonly type?: "string" | "integer" | "number" | "boolean";
  /** The only strings accepted; for numbers, words accepted beside them (`--count 500`, `--count all`). */
  readonly choices?: readonly string[];
  /** Smallest number accepted. Default 0. */
  readonly min?: number;
  /** Largest number accepted. Default: no limit. */
  readonly max?: number;
  /** Several values, separated by commas or by repeating the flag. */
  readonly list?: boolean;
  /** One-letter name. */
  readonly short?: string;
  /** What stands for the value in `--help`, e.g. "DIR". Default: by type. */
  readonly placeholder?: string;
}

/** Options by their camelCase names: `learningRate` is the flag `--learning-rate`. */
export type OptionDefinitions = Readonly<Record<string, OptionDefinition>>;

/** What `--help` says beside the options, and which positional arguments there are. */
export interface CommandDescription {
  /** One sentence: what the script does. */
  readonly purpose: string;
  /** How it is called, without options and positionals, e.g. "deno task download". */
  readonly command: string;
  /** Commands to copy. */
  readonly examples?: readonly string[];
  /** Positional arguments; without this they are errors. */
  readonly positionals?: {
    /** e.g. "IMAGE" */
    readonly name: string;
    /** What they are, for `--help` and for the error when one is missing. */
    readonly description: string;
    /** Fewest accepted. Default 0. */
    readonly min?: number;
    /** Most accepted. Default: no limit. */
    readonly max?: number;
  };
}

type Kind<D> = D extends { readonly type: infer T } ? (T extends "integer" ? "number" : T)
  : D extends { readonly default: infer V }
    ? (V extends number | readonly number[] ? "number" : V extends boolean ? "boolean" : "string")
  : "string";
type Choice<D> = D extends { readonly choices: readonly (infer C)[] } ? C : never;
type Scalar<D> = Kind<D> extends "boolean" ? boolean
  : Kind<D> extends "number" ? number | Choice<D>
  : D extends { readonly choices: readonly unknown[] } ? Choice<D>
  : string;
type Value<D> = D extends { readonly list: true } ? readonly Scalar<D>[]
  : D extends { readonly default: unknown } ? Scalar<D>
  : Kind<D> extends "boolean" ? boolean
  : Scalar<D> | undefined;

/** The parsed values with the types that their definitions say. */
export type Options<O extends OptionDefinitions> = { readonly [K in keyof O]: Value<O[K]> } & {
  /** What was no flag, in order. */
  readonly positionals: readonly string[];
};

/** The command line is wrong; {@linkcode runScript} prints the message and exits with code 2. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** `--help` was asked for; the message is the text, {@linkcode runScript} prints it and exits with code 0. */
export class HelpRequest extends Error {
  override name = "HelpRequest";
}

/** The flag of an option: `learningRate` → `learning-rate`. */
export function flagName(key: string): string {
  return key.replace(/[A-Z]|(?<=[a-z])\d+/g, (letter) => `-${letter.toLowerCase()}`);
}

/** What an option holds: its `type`, or what its default says. */
export function optionType(option: OptionDefinition): "string" | "integer" | "number" | "boolean" {
  if (option.type) return option.type;
  const sample = Array.isArray(option.default) ? option.default[0] : option.default;
  if (typeof sample === "number") return Number.isInteger(sample) ? "integer" : "number";
  return typeof sample === "boolean" ? "boolean" : "string";
}
