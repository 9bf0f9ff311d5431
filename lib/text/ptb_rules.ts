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
  withCapital,
} from "./ptb_abbreviations.ts";
import { straightApostrophe, writeEntity, writeSign, writeSmiley } from "./ptb_spelling.ts";

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
const ENDINGS = `(?:(?:'|&apos;)(?:[msd]|re|ve|ll)(?!${LETTER})|[’\\x92](?:[msd]|re|ve|ll))`;
const NOT_IN_ADDRESS = "\\s\"“”<>|(){}\\u00a0";

const ANY_CASE = "iuy";
const AS_WRITTEN = "uy";

function rule(source: string, flags: string = ANY_CASE, write?: Rule["write"]): Rule {
  return { pattern: new RegExp(source, flags), write };
}

const CONTRACTIONS: readonly Rule[] = [
  rule(`(${LETTER}+)n${APOSTROPHE}t`), // "does" of "doesn't"
  rule(`n${APOSTROPHE}t`, ANY_CASE, straightApostrophe),
  rule(`(${WORD})${ENDINGS}`), // "it" of "it's"
  rule(ENDINGS, ANY_CASE, straightApostrophe),
  rule(`(can)not(?!${ALNUM})`),
  rule(`(gon|wan)na(?!${ALNUM})`),
  rule(`(got)ta(?!${ALNUM})`),
  rule(`(gim|lem)me(?!${ALNUM})`),
  rule(`(${APOSTROPHE}t)(?:is|was)`),
];

const APOSTROPHE_WORDS: readonly Rule[] = [
  rule(`(?:[A-HJ-XZ]|[dlno])${APOSTROPHE}${LETTER}{2,}`, AS_WRITTEN), // "O'Brien", "o'clock"
  rule(`[djl]${APOSTROPHE}`), // "d'" of "d'a"
  rule(`(y${APOSTROPHE})${LETTER}`), // "y'" of "y'all"
  rule(`${LETTER}+[aeiouyAEIOUY]${APOSTROPHE}[aeiouA-Z]${LETTER}*`, AS_WRITTEN), // "ma'am"
  rule(`(?:ne|e|o)${APOSTROPHE}er|ol${APOSTROPHE}|c${APOSTROPHE}(?:mon|est)|s${APOSTROPHE}mores|cont${APOSTROPHE}d\\.`),
  rule(`(?:dunkin|somethin)${APOSTROPHE}|(?:nat|li)${APOSTROPHE}l|cap${APOSTROPHE}n|ev${APOSTROPHE}ry|nor${APOSTROPHE}easter`),
  rule(`${APOSTROPHE}(?:em|till?|cause)|${APOSTROPHE}n${APOSTROPHE}|'n(?!${LETTER})|[’\\x92]n`), // "'em", "rock 'n' roll"
  rule(`${APOSTROPHE}(?:[2-9]0s|\\p{Nd}\\p{Nd})(?!${ALNUM})`), // "'90s", "'05"
];

const JOINED = `(?:-(?:[dol]${APOSTROPHE}${LETTER})?${ALNUM}+)`;
const SLASH_PART = `${ALNUM}+(?:-${WORD})*`;
const JOINED_WORDS: readonly Rule[] = [
  rule(`${ALNUM}+(?:[-_\\u058a\\u2010\\u2011]${ALNUM}+)*`), // "t-ball"
  rule(`${ALNUM}[\\p{L}\\p{M}\\p{Nd}.,]*${JOINED}*(?:-(?:${LETTER}\\.){2,}|${JOINED})`), // "50,000-seat", "non-U.S."
  rule(`(?:anti|pro)-`),
  rule(`${SLASH_PART}(?:\\\\?/${SLASH_PART}){1,2}`), // "and/or"
  rule(`${WORD}(?:[.!?]${WORD})+`), // "lake.in"
  rule("[A-Z]+(?:(?:[&+]|&amp;)[A-Z]+)+", AS_WRITTEN, writeEntity), // "AT&T"
  rule("c\\+\\+|[cf]#"),
];

const INITIALS = `${LETTER}(?:\\.${LETTER})*`;
const ABBREVIATED: readonly Rule[] = [
  rule(`(${LETTER})\\.\\s+(?:${withCapital(SENTENCE_STARTERS)})\\s`, AS_WRITTEN), // "plan b. The"
  rule(`(?:${INITIALS}|ph\\.d)\\.`), // "t.v."
  rule(`(?:${ABBREVIATIONS.join("|")})\\.`),
  rule(`(?:${withCapital(ABBREVIATIONS_IF_CAPITAL)}|${notCapitals(ABBREVIATIONS_NOT_CAPITALS)})\\.`, AS_WRITTEN),
  rule(`((?:${ABBREVIATIONS_BEFORE_NUMBER.join("|")})\\.)\\s*\\p{Nd}`),
  rule(`(${WORD}\\.)[,;:]`), // "bat.,"
];

const NUMBERS: readonly Rule[] = [
  rule("[-+]?[.:,]?\\p{Nd}+(?:[.:,][-+]?\\p{Nd}+)*"),
  rule("(?:\\p{Nd}{1,4}[- \\u00a0])?\\p{Nd}{1,4}\\\\?/\\p{Nd}{1,4}"), // "1 1/2"
  rule("\\(\\p{Nd}{2,3}\\)[ \\u00a0]?\\p{Nd}{3,4}[- \\u00a0]?\\p{Nd}{3,5}", ANY_CASE, writeSmiley), // "(555) 123-4567"
  rule("[A-Z]+\\$", AS_WRITTEN), // "US$"
];

const ADDRESSES: readonly Rule[] = [
  rule(`https?://[^${NOT_IN_ADDRESS}]+\\.[^${NOT_IN_ADDRESS}]*[^${NOT_IN_ADDRESS}.,:;!?-]`),
  rule(`(?:www\\.)?(?:${LETTER}[^${NOT_IN_ADDRESS}.,:;!?'/-]+\\.)+(?:com|net|org|edu)(?:/[^${NOT_IN_ADDRESS}]+[^${NOT_IN_ADDRESS}.,:;!?-])?`),
  rule(`[a-z0-9][^${NOT_IN_ADDRESS}]*@(?:[^${NOT_IN_ADDRESS}.]+\\.)*[^${NOT_IN_ADDRESS}.]+`),
  rule("@[a-z_][a-z_0-9]*"),
  rule(`#${LETTER}+`),
];

const MARKS: readonly Rule[] = [
  rule("[\\s\\S]", ANY_CASE, writeSign),
  rule("[!?]{2,}|_+|\\*+|#+|@+|<<|>>|-{5,}"),
  rule("-{2,4}|&[mn]dash;", ANY_CASE, () => "--"),
  rule(`[<>]?[:;=][-']?[()DPpO3\\\\|\\]\\[](?!${ALNUM})`, AS_WRITTEN, writeSmiley),
  rule("&(?:amp|lt|gt|quot|apos|nbsp);", ANY_CASE, writeEntity),
  rule("<[/!?]?[a-z][a-z0-9_:.@-]*(?:\\s+[a-z][a-z0-9_:.-]*(?:\\s*=\\s*(?:\"[^\"]*\"|'[^']*'))?)*\\s*[/?]?>"),
];

const AFTER_LETTER = [...CONTRACTIONS, ...APOSTROPHE_WORDS, ...JOINED_WORDS, ...ABBREVIATED, ...NUMBERS, ...ADDRESSES];
const ALL = [...AFTER_LETTER, ...MARKS];

/** What a rule found: the token, empty for what is left out, and where the next one is looked for. */
export interface FoundToken {
  readonly token: string;
  readonly end: number;
}

/** The token at `at` of `text`. */
export function longestToken(text: string, at: number): FoundToken {
  let [reach, token, end] = [at, "", at + 1];
  for (const { pattern, write } of ALL) {
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
