// This module is browser compatible.
/** The Penn Treebank tokenizer as the published caption scores use it. */
import { longestToken } from "./ptb_rules.ts";

/** Tokens that the published scores leave out. Brackets are in their list too, but in capitals, so that they survive. */
const PUNCTUATION: ReadonlySet<string> = new Set(
  ["''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--", "...", ";"],
);
/** Plain words between single spaces, a comma behind some: most of every caption. No rule touches these. */
const PLAIN_RUN = /(?:(?!(?:cannot|gonna|wanna|gotta|gimme|lemme)\b)[A-Za-z]+,?(?: (?=[A-Za-z])|$))+/iy;

/**
 * Lower-case tokens of an English caption, punctuation dropped, as coco-caption's PTBTokenizer gives them.
 *
 * `"A man's dog isn't on St. James Ave., is it?"` → `a man 's dog is n't on st. james ave. is it`
 */
export function tokenizePtb(caption: string): string[] {
  const text = caption.replaceAll(/\s/g, " ");
  const tokens: string[] = [];
  for (let at = 0; at < text.length;) {
    if (text[at] === " ") {
      at++;
      continue;
    }
    PLAIN_RUN.lastIndex = at;
    if (PLAIN_RUN.test(text)) {
      for (const word of text.slice(at, PLAIN_RUN.lastIndex).toLowerCase().match(/[a-z]+/g)!) {
        tokens.push(word);
      }
      at = PLAIN_RUN.lastIndex;
      continue;
    }
    const { token, end } = longestToken(text, at);
    at = end;
    if (token !== "" && !PUNCTUATION.has(token)) add(token, tokens);
  }
  return tokens;
}

function add(token: string, tokens: string[]): void {
  const lower = token.replaceAll("\u00ad", "").toLowerCase();
  if (/\s/.test(lower)) tokens.push(...lower.split(/\s+/)); // "1 1/2" is one token upstream; its scorers split it again
  else if (lower) tokens.push(lower);
}
