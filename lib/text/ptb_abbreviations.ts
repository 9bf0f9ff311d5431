// This module is browser compatible.
/** Words whose full stop belongs to them, as the tokenizer of the published scores was seen to treat them. */

function words(list: string): readonly string[] {
  return list.trim().split(/\s+/);
}

/** Keep their full stop in any letter case, and a name follows. */
export const TITLES: readonly string[] = words(`
  mr ms dr drs mrs mme mlle messrs prof rev hon ens st ste
  adm brig capt cmdr col cpl gen gov govs insp lt maj msgr pfc pres pvt rep reps sen sens sfc sgt spc supt
  asst atty attys adj adv dept elec natl invt cie ave ft mt cf vs ph alex det jos wm
`);

/** Keep it in any letter case, and may end a sentence. Single letters keep theirs too, and are not listed. */
export const ABBREVIATIONS: readonly string[] = words(`
  esq jr sr co corp cos bros inc ind ltd plc bhd etc assn univ intl tel ext est sys sep seq
  blvd bldg rd rt sq al va md
  jan feb mar apr jun jul aug sept oct nov dec mon tue tues wed thu fri
  ala ariz calif colo conn ct dak fla ga kan kans ky mich minn mo mont neb nev okla penn tenn vt wis wisc wyo
`);

/** Keep it unless written in capitals. */
export const ABBREVIATIONS_NOT_CAPITALS: readonly string[] = words("ppty ppte pte ptes pty ptys mfg mtg");

/** Keep it where written with a capital: in lower case these are plain words. */
export const ABBREVIATIONS_IF_CAPITAL: readonly string[] = words(
  "miss tex del wash ark ore la mass pa ill az",
);

/** Keep it before a number: "no. 5", "fig. 2". */
export const ABBREVIATIONS_BEFORE_NUMBER: readonly string[] = words("ca fig figs no nos op pp prop art");

/** Words that, with a capital, begin a sentence: a single letter's full stop before them ends the one before. */
export const SENTENCE_STARTERS: readonly string[] = words(`
  a about according after an as at but earlier he her here however if in it last many more now once one other our
  she since so some such that the their then there these they this we what when while yet you
`);

/** `the` → `The|THE`. */
export function withCapital(list: readonly string[]): string {
  return list.map((word) => `${capital(word)}|${word.toUpperCase()}`).join("|");
}

/** `mfg` → `mfg|Mfg`. */
export function notCapitals(list: readonly string[]): string {
  return list.map((word) => `${word}|${capital(word)}`).join("|");
}

function capital(word: string): string {
  return word[0].toUpperCase() + word.slice(1);
}
