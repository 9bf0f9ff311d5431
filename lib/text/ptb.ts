// This module is browser compatible.
/** The Penn Treebank tokenizer as the published caption scores use it. */
import { longestToken } from "./ptb_rules.ts";

/** Tokens that the published scores leave out. Brackets are in their list too, but in capitals, so that they survive. */
const PUNCTUATION: ReadonlySet<string> = new Set(
  ["''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--", "...", ";"],
);
/** A plain word and the comma behind it, or a longer one and its full stop: most of every caption. */
const PLAIN = /(?!(?:can(?:not)|(?:gon|wan)na|gotta|gimme|lemme)\b)([a-z]+)(?:,?(?=\s|$)| ?\.$)/iy;

/**
 * Lower-case tokens of an English caption, punctuation dropped, as coco-caption's PTBTokenizer gives them.
 *
 * `"A man's dog isn't on St. James Ave., is it?"` → `a man 's dog is n't on st. james ave. is it`
 */
export function tokenizePtb(caption: string): string[] {
  const tokens: string[] = [];
  for (let at = 0; at < caption.length;) {
    if (isSpace(caption.charCodeAt(at))) {
      at++;
      continue;
    }
    const { token, end } = longestToken(caption, at);
    at = end;
    if (token !== "" && !PUNCTUATION.has(token)) add(token, tokens);
  }
  return tokens;
}

function isSpace(code: number): boolean {
  return code === 32 || code === 10 || code === 9;
}
function add(token: string, tokens: string[]): void {
  const lower = token.replaceAll("\u00ad", "").toLowerCase();
  if (/\s/.test(lower)) tokens.push(...lower.split(/\s+/)); // "1 1/2" is one token upstream; its scorers split it again
  else if (lower) tokens.push(lower);
}
