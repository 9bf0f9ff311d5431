// This module is browser compatible.
/**
 * WGSL for buffers of half floats, derived from the program for f32.
 *
 * A kernel is written once, for f32. Where a buffer holds f16, its declaration changes, every load from it is widened
 * and every store narrowed: arithmetic, and with it every sum, stays in f32. Kernels keep to what this understands
 * (`name[index]` to load, `name[index] = value;` to store), and a program that does not is refused.
 */

import { closing, declarationOf, indexOfAny, isPointedTo, withoutComments } from "./webgpu_wgsl.ts";

/** Storage of half floats, as WGSL calls it. */
const HALVES: Readonly<Record<string, string>> = { f32: "f16", vec4f: "vec4h" };

/**
 * The program with the named buffers in f16.
 *
 * @param wgsl A program whose storage buffers are arrays of f32, vec4f or u32.
 * @param names Buffers that hold f16.
 * @throws {SyntaxError} If the program uses one of them in a way that cannot be translated.
 */
export function withHalves(wgsl: string, names: readonly string[]): string {
  const code = withoutComments(wgsl);
  const types = new Map<string, string>();
  let result = code;
  for (const name of names) {
    const declaration = declarationOf(name);
    const type = declaration.exec(code)?.[2];
    if (type === undefined || !(type in HALVES)) {
      throw new SyntaxError(`Cannot store ${name} as f16: it should be an array of f32 or vec4f, is ${type}`);
    }
    if (isPointedTo(code, name)) {
      throw new SyntaxError(`Cannot store ${name} as f16: the program points to it, or uses its name again`);
    }
    types.set(name, type);
    result = result.replace(declaration, `$1${HALVES[type]}$3`);
  }
  return `enable f16;${new Translation(types).translate(result)}`;
}

class Translation {
  readonly #types: ReadonlyMap<string, string>;
  readonly #use: RegExp;

  constructor(types: ReadonlyMap<string, string>) {
    this.#types = types;
    this.#use = indexOfAny(types.keys());
  }

  translate(text: string): string {
    const use = this.#use.exec(text);
    if (!use) return text;
    const [, name] = use;
    const open = use.index + name.length;
    let close = closing(text, open);
    const element = `${name}[${this.translate(text.slice(open + 1, close))}]`;
    // A component of a vector, by name or by number.
    let component = /^\.[xyzw]\b/.exec(text.slice(close + 1))?.[0] ?? "";
    close += component.length;
    if (text[close + 1] === "[") {
      const start = close + 1;
      close = closing(text, start);
      component = `[${this.translate(text.slice(start + 1, close))}]`;
    }
    const before = text.slice(0, use.index);
    const type = this.#types.get(name)!;
    const [assignment, operator] = /^\s*([-+*/]?)=(?!=)/.exec(text.slice(close + 1)) ?? [];
    if (assignment === undefined) {
      return `${before}${type}(${element})${component}${this.translate(text.slice(close + 1))}`;
    }
    const wide = component ? "f32" : type;
    const start = close + 1 + assignment.length;
    const end = text.indexOf(";", start);
    const value = this.translate(text.slice(start, end)).trim();
    const place = `${element}${component}`;
    const sum = operator ? `${type}(${element})${component} ${operator} (${value})` : value;
    return `${before}${place} = ${HALVES[wide]}(${sum})${this.translate(text.slice(end))}`;
  }
}
