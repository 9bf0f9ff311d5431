// This module is browser compatible.
/**
 * The rules by which the Penn Treebank tokenizer of the published scores (Stanford CoreNLP 3.4.1) cuts a line. They
 * were written from what that program was seen to do, not from its source. At each position the rule that reaches
 * furthest wins, what it looks ahead at included; of equally far ones the first.
 *
 * What they say, each with an example (`·` between tokens, before punctuation is dropped):
 * - a word is letters and digits: `b2b`, `5th`; parts joined by `-` or `_` stay one: `t-ball`, `five-year-old`
 * - up to three parts joined by `/` stay one: `and/or`, `w/o`, `24/7`; a loose slash stands alone: `w/` → `w · /`
 * - a full stop, `!` or `?` between letters joins: `lake.in`, `t.v`; before a space it is cut off: `field · .`
 * - single letters and abbreviations keep their full stop: `t.v.`, `w.`, `st.`, `etc.`; `no.`, `fig.` before a number
 * - any word keeps it before `,` `;` `:`: `bat.,` → `bat. · ,`
 * - contractions: `does · n't`, `it · 's`, `they · 're`, `i · 'd · 've`, `can · not`, `gon · na`, `'t · is`, `y' · all`
 * - apostrophes inside some words: `o'clock`, `O'Brien`, `d'you`, `ma'am`, `Hawai'i`, `'n'`, `'90s`, `s'mores`
 * - numbers keep signs, separators and fractions: `1,000.50`, `-5`, `10:30`, `3/4`; what follows is cut off: `10:30 · am`
 * - `$ · 5`, `US$ · 5`, `5 · %`, `# · 25`; `£` is written `#`, `€` `$`, `¢` `cents`, `½` `1/2`
 * - brackets are `-lrb- -rrb- -lsb- -rsb- -lcb- -rcb-`; smileys and tags are one token: `:-rrb-`, `<b>`
 * - addresses are one: `http://a.org/b?c=d`, `www.foo.com`, `foo.org/bar.html`, `a@b.com`, `@name`, `#tag`
 * - capitals joined by `&` or `+` are one: `AT&T`, `R&B`; else the sign stands alone: `salt · & · pepper`
 * - runs of `?` and `!` are one token: `??`, `?!`; any dash is `--`; what is no letter and no known sign vanishes: emoji
 */
import {
  ABBREVIATIONS,
  ABBREVIATIONS_BEFORE_NUMBER,
  ABBREVIATIONS_IF_CAPITAL,
  ABBREVIATIONS_NOT_CAPITALS,
  notCapitals,
  SENTENCE_STARTERS,
  TITLES,
  withCapital,
} from "./ptb_abbreviations.ts";
import { straightApostrophe, writeBrackets, writeEntity, writeQuotes, writeSign } from "./ptb_spelling.ts";

/** One way to make a token. */
export interface Rule {
  /** Sticky. Group 1, where there is one, is the token; what follows it is only looked at. */
  readonly pattern: RegExp;
  /** How the token is written, where not as it stands. */
  readonly write?: (token: string) => string;
}

const LETTER = "[\\p{L}\\p{M}\\u02c2-\\u02ff\\u00ad]";
const ALNUM = "[\\p{L}\\p{M}\\u02c2-\\u02ff\\u00ad\\p{Nd}]";
const WORD = `${LETTER}${ALNUM}*`;
const APOSTROPHE = "(?:['’\\x92]|&apos;)";
/** Ends of words that are tokens; after a straight apostrophe only where the word ends there. */
const ENDING = "(?:(?:'|&apos;)(?:[msd]|re|ve|ll)(?![a-z])|[’\\x92](?:[msd]|re|ve|ll))";

/** "t-ball", "hors-d'oeuvres", and every plain word. */
const PART = `(?:[dol]${APOSTROPHE}${LETTER})?${ALNUM}+`;
const JOINED = `${PART}(?:[-_\\u058a\\u2010\\u2011]${PART})*`;
/** "50,000-seat", "U.S.-based". */
const JOINED_WITH_STOPS = "[a-z0-9][a-z0-9.,]*(?:-[a-z0-9]+)+";
/** "lake.in". */
const DOTTED = `${WORD}(?:[.!?]${WORD})+`;
const CAPITALS = "[A-Z]+(?:(?:[&+]|&amp;)[A-Z]+)+";
const SLASH_PART = "[a-z0-9]+(?:-[a-z]+)*";
const NUMBER = "[-+]?(?:\\p{Nd}+|[.:,]\\p{Nd}+)(?:[.:,]\\p{Nd}+)*";
const FILE_ENDINGS =
  "bat|bmp|c|cgi|class|cpp|dll|docx?|exe|gif|gz|h|html?|jar|java|jpe?g|mov|pdf|php|pl|png|ppt|ps|py|" +
  "sql|tar|txt|wav|x|xml|zip";
const NOT_IN_ADDRESS = '\\s"<>|(){}';

const ANY_CASE = "iuy";
const AS_WRITTEN = "uy";

function rule(source: string, flags: string = ANY_CASE, write?: Rule["write"]): Rule {
  return { pattern: new RegExp(source, flags), write };
}

const CONTRACTIONS: readonly Rule[] = [
  rule(`(${LETTER}+)n${APOSTROPHE}t`), // "does" of "doesn't"
  rule(`n${APOSTROPHE}t`, ANY_CASE, straightApostrophe),
  rule(`(${WORD})${ENDING}`), // "it" of "it's"
  rule(`(can)not(?!${ALNUM})`),
  rule(`(gon|wan)na(?!${ALNUM})`),
  rule(`(got)ta(?!${ALNUM})`),
  rule(`(gim|lem)me(?!${ALNUM})`),
];

const ABBREVIATED: readonly Rule[] = [
  rule(`([A-Za-z])\\.\\s+(?:${withCapital(SENTENCE_STARTERS)})\\s`, AS_WRITTEN), // "plan b. The"
  rule("(?:[a-z]\\.)+"), // "t.v."
  rule(`(?:${TITLES.join("|")})\\.`),
  rule(`((?:${ABBREVIATIONS.join("|")}|ph\\.d)\\.)[^]?`),
  rule(
    `((?:${withCapital(ABBREVIATIONS_IF_CAPITAL)}|${notCapitals(ABBREVIATIONS_NOT_CAPITALS)})\\.)[^]?`,
    AS_WRITTEN,
  ),
  rule(`((?:${ABBREVIATIONS_BEFORE_NUMBER.join("|")})\\.)\\s*\\p{Nd}`),
  rule(`((?:${JOINED}|${JOINED_WITH_STOPS}|${DOTTED})\\.)[,;:]`), // "bat.,"
];

const APOSTROPHE_WORDS: readonly Rule[] = [
  rule(`(?:[A-HJ-XZ]|[dlno])${APOSTROPHE}${LETTER}{2,}`, AS_WRITTEN), // "O'Brien", "o'clock"
  rule(`[djl]${APOSTROPHE}`), // "d'" of "d'a"
  rule(`(y${APOSTROPHE})(?![msd]|ll|re|ve)${LETTER}`), // "y'" of "y'know"
  rule(`${LETTER}+[aeiouyAEIOUY]${APOSTROPHE}[aeiouA-Z]${LETTER}*`, AS_WRITTEN), // "ma'am"
  rule(`e${APOSTROPHE}er|ol${APOSTROPHE}|c${APOSTROPHE}(?:mon|est)|s${APOSTROPHE}mores`),
  rule(`(?:nat|li)${APOSTROPHE}l|cap${APOSTROPHE}n|ev${APOSTROPHE}ry|nor${APOSTROPHE}easter`),
  rule(`(?:dunkin|somethin)${APOSTROPHE}|cont${APOSTROPHE}d\\.`),
];

const JOINED_WORDS: readonly Rule[] = [
  rule(JOINED),
  rule(JOINED_WITH_STOPS),
  rule("[a-z0-9][a-z0-9.,]*(?:-[a-z0-9]+)*-(?:[a-z]\\.){2,}"), // "non-U.S."
  rule("(?:anti|pro)-"),
  rule(`${SLASH_PART}(?:\\\\?/${SLASH_PART}){1,2}`), // "and/or"
  rule(DOTTED),
  rule(`${ALNUM}+(?:\\.${ALNUM}+)*\\.(?:${FILE_ENDINGS})(?=[\\s.,]|$)`), // "5.jpg"
  rule(CAPITALS, AS_WRITTEN, writeEntity), // "AT&T"
  rule("c\\+\\+|[cf]#"),
  rule("[A-Z]+\\$", AS_WRITTEN), // "US$"
];

const NUMBERS: readonly Rule[] = [
  rule(NUMBER),
  rule("(?:\\p{Nd}{1,4}[- ])?\\p{Nd}{1,4}\\\\?/\\p{Nd}{1,4}"), // "1 1/2"
];

const ADDRESSES: readonly Rule[] = [
  rule(`https?://[^${NOT_IN_ADDRESS}]+\\.[^${NOT_IN_ADDRESS}]*[^${NOT_IN_ADDRESS}.,:;!?-]`),
  rule(`(?:${LETTER}${ALNUM}+\\.)+(?:com|net|org|edu)/[^${NOT_IN_ADDRESS}]+[^${NOT_IN_ADDRESS}.,:;!?-]`),
  rule(`[a-z0-9][^${NOT_IN_ADDRESS}]*@(?:[^${NOT_IN_ADDRESS}.]+\\.)*[^${NOT_IN_ADDRESS}.]+`),
];

const MARKS: readonly Rule[] = [
  rule("[^]", ANY_CASE, writeSign),
  rule(ENDING, ANY_CASE, straightApostrophe),
  rule(`(${APOSTROPHE}t)(?:is|was)`), // "'tis"
  rule(`${APOSTROPHE}(?:em|till?|cause|n${APOSTROPHE})|'n(?=\\s|$)|[’\\x92]n`), // "'em", "rock 'n' roll"
  rule(`${APOSTROPHE}(?:[2-9]0s|\\p{Nd}\\p{Nd}(?=\\s|$))`), // "'90s", "'05"
  rule("''|[!?]{2,}|_+|\\*+|#+|@+|<<|>>|-{5,}"),
  rule("-{2,4}|&[mn]dash;|\\.{3,5}", ANY_CASE, () => "--"), // dropped, as "..." is
  rule("[‘’‚‛“”„«»‹›\\x91-\\x94]{2}", ANY_CASE, writeQuotes),
  rule("[<>]?[:;=][-o*']?[()dDpPO@{\\\\|\\]\\[](?![A-Za-z0-9])", AS_WRITTEN, writeBrackets), // ":-)"
  rule("[x^=~<>'-]_[x^=~<>'-]|\\([x^=~<>'-]_[x^=~<>'-]\\)", AS_WRITTEN, writeBrackets), // "^_^"
  rule("\\(\\p{Nd}{2,3}\\) ?\\p{Nd}{3,4}[- ]?\\p{Nd}{3,5}", ANY_CASE, writeBrackets), // "(555) 123-4567"
  rule("&(?:amp|lt|gt|quot|apos|nbsp);", ANY_CASE, writeEntity),
  rule("<[/!?]?[a-z][a-z0-9_:.@-]*(?:\\s+[a-z][a-z0-9_:.-]*(?:\\s*=\\s*(?:\"[^\"]*\"|'[^']*'))?)*\\s*[/?]?>"), // "<br />"
  rule(`@[a-z_][a-z_0-9]*|#${LETTER}+`),
  ...NUMBERS,
];

const AT_WORD: readonly Rule[] = [
  ...CONTRACTIONS,
  ...ABBREVIATED,
  ...APOSTROPHE_WORDS,
  ...JOINED_WORDS,
  ...NUMBERS,
  ...ADDRESSES,
];
const WORD_STARTS = new RegExp(ALNUM, AS_WRITTEN);

/** What a rule found: the token, empty for what is left out, and where the next one is looked for. */
export interface FoundToken {
  readonly token: string;
  readonly end: number;
}

/** The token at `at` of `text`. */
export function longestToken(text: string, at: number): FoundToken {
  WORD_STARTS.lastIndex = at;
  let [reach, token, end] = [at, "", at + 1];
  for (const { pattern, write } of WORD_STARTS.test(text) ? AT_WORD : MARKS) {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (!found || pattern.lastIndex <= reach) continue;
    reach = pattern.lastIndex;
    const raw = found[1] ?? found[0];
    end = at + raw.length;
    token = write ? write(raw) : raw;
  }
  return { token, end };
}
