// This module runs in Deno only.
/** What `caption` says of a picture, to people and to machines. */

import type { WrittenCaption } from "../models/captioner.ts";

/** What was asked for. */
export interface CaptionWishes {
  /** Captions of each picture. */
  readonly count: number;
  /** Words that every caption should say. */
  readonly force: readonly string[];
  /** A JSON line for each picture. */
  readonly json: boolean;
  /** Whether there are several pictures, so that a line must say whose it is. */
  readonly many: boolean;
}

/** Prints a picture's captions, best first, and on stderr what was asked for and not found. */
export function printCaptions(
  image: string,
  candidates: readonly WrittenCaption[],
  { count, force, json, many }: CaptionWishes,
): void {
  if (candidates.length < count) {
    console.error(`${image}: the search found ${candidates.length} captions, ${count} were asked for`);
  }
  const unsaid = force.filter((word) => !candidates[0].words.some((said) => said.word === word));
  if (unsaid.length > 0) {
    console.error(`${image}: found no caption that says ${unsaid.join(", ")}, raise --max-length or --beam`);
  }
  if (json) {
    const found = candidates.map(captionJson);
    console.log(JSON.stringify({ image, ...found[0], candidates: found }));
    return;
  }
  for (const { text, score } of candidates) {
    console.log(`${many ? `${image}: ` : ""}${text}${count > 1 ? ` (${score.toFixed(3)})` : ""}`);
  }
}

/** Prints why a picture has no caption. */
export function printFailure(image: string, error: Error, { json }: Pick<CaptionWishes, "json">): void {
  if (json) console.log(JSON.stringify({ image, error: error.message }));
  else console.error(error.message);
}

/** A caption as --json prints it. */
function captionJson({ text: caption, score, logProbability, words }: WrittenCaption) {
  return {
    caption,
    score,
    logProbability,
    words: words.map(({ word, probability }) => ({ word, probability })),
  };
}
