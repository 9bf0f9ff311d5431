// This module is browser compatible.
/** How pickles of protocol 0, which are lines of text, write numbers and texts. */

import type { PickleMachine } from "./pickle_machine.ts";
import type { PickleValue } from "./pickle_values.ts";

const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  a: "\x07",
  b: "\b",
  f: "\f",
  v: "\v",
};

/** A whole number: a number where that is exact, else a bigint. */
function fromBigInt(value: bigint): number | bigint {
  return BigInt.asIntN(54, value) === value ? Number(value) : value;
}

/** `I` and `L`: decimal digits; `I00` and `I01` are False and True. */
export function integerLine(machine: PickleMachine): PickleValue {
  const text = machine.reader.line().trim();
  if (text === "00") return false;
  if (text === "01") return true;
  const digits = /^([+-]?\d+)L?$/.exec(text)?.[1];
  if (digits === undefined || digits.length > machine.limits.integerBytes * 2.4) {
    throw machine.fail(`"${text.slice(0, 40)}" should be a whole number`);
  }
  return fromBigInt(BigInt(digits.replace("+", "")));
}

/** `F`: a decimal, inf or nan. */
export function floatLine(machine: PickleMachine): number {
  const text = machine.reader.line().trim();
  const special: Readonly<Record<string, number>> = {
    inf: Infinity,
    "-inf": -Infinity,
    nan: NaN,
    "-nan": NaN,
  };
  const value = special[text] ?? Number(text);
  if (text === "" || (Number.isNaN(value) && !(text in special))) {
    throw machine.fail(`"${text.slice(0, 40)}" should be a number`);
  }
  return value;
}

/** An index of the memo in decimals. */
export function indexLine(machine: PickleMachine): number {
  const text = machine.reader.line().trim();
  if (!/^\d{1,15}$/.test(text)) throw machine.fail(`"${text.slice(0, 40)}" should be a place in the memo`);
  return Number(text);
}

/** `S`: a text as Python writes it in programs, in quotes, with escapes. */
export function quotedLine(machine: PickleMachine): string {
  const text = machine.reader.line().trim();
  const quote = text[0];
  if (text.length < 2 || !/['"]/.test(quote) || text.at(-1) !== quote) {
    throw machine.fail("a text of protocol 0 should be in quotes");
  }
  return text.slice(1, -1).replace(
    /\\(?:x([0-9a-fA-F]{2})|([0-7]{1,3})|([\s\S]))/g,
    (_, hex?: string, octal?: string, letter?: string) => {
      if (hex !== undefined) return String.fromCharCode(parseInt(hex, 16));
      if (octal !== undefined) return String.fromCharCode(parseInt(octal, 8) & 255);
      return ESCAPES[letter!] ?? (/['"\\]/.test(letter!) ? letter! : `\\${letter}`);
    },
  );
}

/** `V`: a text with letters beyond Latin-1 as \uXXXX or \UXXXXXXXX. */
export function unicodeLine(machine: PickleMachine): string {
  return machine.reader.line().replace(/\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})/g, (all, short, long) => {
    const code = parseInt(short ?? long, 16);
    if (code > 0x10ffff) throw machine.fail(`${all} is no letter`);
    return String.fromCodePoint(code);
  });
}

/** A whole number of two's complement bytes, the lowest first. */
export function integerBytes(machine: PickleMachine, count: number): number | bigint {
  if (count > machine.limits.integerBytes) {
    throw machine.fail(`a whole number has ${count} bytes, at most ${machine.limits.integerBytes} are read`);
  }
  const bytes = machine.reader.take(count);
  const hex = [...bytes].reverse().map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return count === 0 ? 0 : fromBigInt(BigInt.asIntN(count * 8, BigInt(`0x${hex}`)));
}
