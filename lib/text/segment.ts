// This module is browser compatible.
/** Words of any script by Unicode's rules, for languages that PTB's English rules do not fit. */

const segmenters = new Map<string, Intl.Segmenter>();

/**
 * Words of `caption` by `Intl.Segmenter`, lower-cased, punctuation dropped: for Japanese, Thai, Chinese and others that
 * write no spaces between words, and for any other script.
 *
 * @param locale BCP 47 tag that the dictionary rules of the platform follow. Default "und": chosen by the script.
 */
export function segmentWords(caption: string, locale = "und"): string[] {
  let segmenter = segmenters.get(locale);
  if (!segmenter) segmenters.set(locale, segmenter = new Intl.Segmenter(locale, { granularity: "word" }));
  const words: string[] = [];
  for (const { segment, isWordLike } of segmenter.segment(caption.normalize("NFC"))) {
    if (isWordLike) words.push(segment.toLowerCase());
  }
  return words;
}

/** Letters of scripts that are written without spaces between words. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}\p{Script=Tibetan}]/u;

/** Whether `text` holds a letter of a script that is written without spaces between words. */
export function isUnspaced(text: string): boolean {
  return UNSPACED.test(text);
}
