// This module is browser compatible.
/** How the Penn Treebank tokenizer writes what it does not copy. */

const SIGNS: ReadonlyMap<string, string> = new Map(Object.entries({
  "(": "-lrb-",
  ")": "-rrb-",
  "[": "-lsb-",
  "]": "-rsb-",
  "{": "-lcb-",
  "}": "-rcb-",
  "£": "#",
  "€": "$",
  "¤": "$",
  "\x80": "$",
  "¢": "cents",
  "¼": "1/4",
  "½": "1/2",
  "¾": "3/4",
  "⅓": "1/3",
  "⅔": "2/3",
}));
/** Quotes and dashes of all kinds, soft hyphens alone: dropped as the plain ones are. */
const LIKE_PUNCTUATION = /["'`‘’‛“”«»‹›\x91-\x94\x96\x97\u2013-\u2015…\u00ad]/;
/** Signs that the tokenizer knows; any other leaves no token. */
const KNOWN =
  /(?![\u2012\u2024-\u2027\u203c\u203d\u2043\u2045-\u205e\u20a0-\u20a3\u20a5-\u20c0])[!-~\u00a1-\u2bff\u3001\u3002\u30fb\uff01-\uff65\uffe0-\uffe6]/;

const ENTITIES: ReadonlyMap<string, string> = new Map(
  [["&amp;", "&"], ["&lt;", "<"], ["&gt;", ">"], ["&quot;", "'"], ["&apos;", "'"], ["&nbsp;", ""]],
);

/** A single character that no word holds: brackets, money and fractions by name, unknown ones as nothing. */
export function writeSign(character: string): string {
  if (LIKE_PUNCTUATION.test(character)) return "'";
  return SIGNS.get(character) ?? (KNOWN.test(character) ? character : "");
}

/** Two curly quotes as one token of plain ones. */
export function writeQuotes(token: string): string {
  return token.replace(/[«“„\x93]/g, "``").replace(/[»”\x94]/g, "''").replace(/[‘‚‛‹\x91]/g, "`").replace(
    /[’›\x92]/g,
    "'",
  );
}

/** The bracket of a smiley or a telephone number by its name. */
export function writeBrackets(token: string): string {
  return token.replaceAll("(", "-lrb-").replaceAll(")", "-rrb-");
}

/** HTML's entities as what they stand for. */
export function writeEntity(token: string): string {
  return token.replace(/&[a-z]+;/gi, (entity) => ENTITIES.get(entity.toLowerCase()) ?? entity);
}

/** A contraction with a straight apostrophe. */
export function straightApostrophe(token: string): string {
  return token.replace(/[’\x92]|&apos;/i, "'");
}
