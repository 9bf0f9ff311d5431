// This module is browser compatible.
/** Scores of parts of a set: by the caption's length, by the objects in the picture. */
import { scoresOf } from "./bootstrap.ts";
import type { ScoreName, Scores } from "./score.ts";

/** Scores of one part. */
export interface GroupScores extends Record<ScoreName, number> {
  /** Name of the part. */
  readonly group: string;
  /** Images in it. */
  readonly images: number;
}

/** Options of {@linkcode scoresByGroup}. */
export interface GroupOptions {
  /** Fewest images a part needs to be listed. Default 1. */
  readonly atLeast?: number;
}

/**
 * Scores of each part of the images, largest first.
 *
 * @param groupsOf Names of the parts an image belongs to, by its number in `scores.ids`.
 */
export function scoresByGroup(
  scores: Scores,
  groupsOf: (image: number) => Iterable<string>,
  options: GroupOptions = {},
): GroupScores[] {
  const { atLeast = 1 } = options;
  const members = new Map<string, number[]>();
  for (let image = 0; image < scores.images; image++) {
    for (const group of groupsOf(image)) {
      const own = members.get(group);
      if (own) own.push(image);
      else members.set(group, [image]);
    }
  }
  return [...members].filter(([, images]) => images.length >= atLeast)
    .sort(([a, m], [b, n]) => n.length - m.length || (a < b ? -1 : 1))
    .map(([group, images]) => ({ group, images: images.length, ...scoresOf(scores, images) }));
}

/** Name of the part a caption of `words` words belongs to: "1-6", "7-8", "9-10", "11-12", "13-15", "16+". */
export function lengthGroup(words: number): string {
  const bounds = [6, 8, 10, 12, 15];
  const at = bounds.findIndex((bound) => words <= bound);
  return at < 0 ? `${bounds.at(-1)! + 1}+` : `${(bounds[at - 1] ?? 0) + 1}-${bounds[at]}`;
}
