// This module is browser compatible.
/** Reading a kernel's WGSL just enough to derive another program from it. */

/** Where a storage buffer of `name` is declared: before its element type, the type, and behind it. */
export function declarationOf(name: string): RegExp {
  return new RegExp(`(var<storage,[^>]*>\\s+${name}\\s*:\\s*array<)(\\w+)(>)`);
}

/** The program without comments, which may hold anything; lines stay where they are. */
export function withoutComments(wgsl: string): string {
  return wgsl.replace(/\/\/.*$/gm, "");
}

/** Whether the program, without comments, points to `name` or gives the name to something else as well. */
export function isPointedTo(code: string, name: string): boolean {
  return new RegExp(`(?<!&)&\\s*${name}\\b|(let|var|const)\\s+${name}\\b|[(,]\\s*${name}\\s*:`).test(code);
}

/** The first place from which on one of `names` is indexed. */
export function indexOfAny(names: Iterable<string>): RegExp {
  return new RegExp(`(?<![\\w.])(${[...names].join("|")})\\[`);
}

/**
 * Where the bracket that opens at `open` closes.
 *
 * @throws {SyntaxError} If it does not.
 */
export function closing(text: string, open: number): number {
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    if (text[at] === "[") depth++;
    else if (text[at] === "]" && --depth === 0) return at;
  }
  throw new SyntaxError(
    `Cannot translate ${JSON.stringify(text.slice(open, open + 40))}: a bracket stays open`,
  );
}
