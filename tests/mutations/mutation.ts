// This module is browser compatible.
/** What a mutation is: a small change of a file that makes a gradient wrong. */

/** One change: its kind, text that the file holds exactly once, and what takes its place. */
export type Change = readonly [kind: "sign" | "index" | "term", find: string, replace: string];

/** Changes by file or kernel. */
export type Changes = Readonly<Record<string, readonly Change[]>>;

/** A change in its place. */
export interface Mutation {
  /** The kernel, or the WGSL file where it is one of several. */
  readonly kernel: string;
  /** What is broken: the shader, the CPU's fast form, or the twin. */
  readonly form: "WGSL" | "fast" | "twin";
  /** From the root of the project. */
  readonly file: string;
  readonly change: Change;
}

/**
 * The text with one change made.
 *
 * @throws {Error} If what should be replaced is not there exactly once: the list is out of date.
 */
export function mutate(text: string, { file, change: [, find, replace] }: Mutation): string {
  const parts = text.split(find);
  if (parts.length !== 2) {
    throw new Error(
      `Cannot break ${file}: "${find}" is there ${
        parts.length - 1
      } times, should be once; mend tests/mutations`,
    );
  }
  return parts.join(replace);
}
