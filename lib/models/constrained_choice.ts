// This module is browser compatible.
/** One step of a search with rules, for one image: which beams go on, with which words. */

import { LOWEST_SCORE } from "../../kernels/beam.ts";
import { END } from "../text/vocabulary.ts";
import { blockedWords, type SearchConstraints } from "./constraints.ts";

/** A caption on its way. */
export interface Path {
  readonly ids: readonly number[];
  /** Sum of log-probabilities after each id. */
  readonly scores: readonly number[];
  /** The row it was read on at each step. */
  readonly rows: readonly number[];
}

/** Beams of one group that have said the same number of forced words. */
export interface Cell {
  readonly live: readonly Path[];
}

/** The search of one image. */
export interface ImageSearch {
  /** [groups][forced words said]. */
  readonly groups: readonly (readonly Cell[])[];
  /** Captions that have ended, by group. */
  readonly finished: readonly Path[][];
}

/** Words after a row, with their log-probabilities: the likeliest, best first, and the forced ones. */
export interface Continuations {
  readonly words: ArrayLike<number>;
  readonly scores: ArrayLike<number>;
}

/** How a step chooses. */
export interface ChoiceOptions {
  readonly constraints: SearchConstraints;
  /** Beams of a cell. */
  readonly width: number;
  /** Whether there is room for no word behind this one. */
  readonly last: boolean;
  /** What may follow the path that was read on a row; forced words where they are not banned. */
  readonly continuations: (row: number) => { readonly best: Continuations; readonly forced: Continuations };
  /** The row of a path of a cell. */
  readonly row: (group: number, bank: number, rank: number) => number;
}

interface Candidate {
  readonly path: Path;
  /** What it competes by: its score less the diversity penalty. */
  readonly rank: number;
}

/** Forced words that a path has not said. */
export function unsaid(path: Path, forced: readonly number[]): number[] {
  return forced.filter((id) => !path.ids.includes(id));
}

/**
 * The beams of an image after one more word.
 *
 * Beams that have said the same number of forced words compete with one another alone (Hokamp and Liu, 2017, "Lexically
 * constrained decoding"); a group's words cost the groups behind it (Vijayakumar et al., 2018, "Diverse beam search").
 */
export function chooseWords(image: ImageSearch, options: ChoiceOptions): ImageSearch {
  const { constraints, width } = options;
  const { diversity = 0.5 } = constraints;
  const said = new Map<number, number>(); // beams of earlier groups by the word they say now
  const groups = image.groups.map((cells, g) => {
    const candidates = cells.map((): Candidate[] => []);
    cells.forEach(({ live }, bank) => {
      live.forEach((path, rank) => {
        const row = options.row(g, bank, rank);
        for (const { path: next, forced } of continuationsOf(path, row, options)) {
          const penalty = diversity * (said.get(next.ids.at(-1)!) ?? 0);
          candidates[forced ? bank + 1 : bank].push({ path: next, rank: next.scores.at(-1)! - penalty });
        }
      });
    });
    const chosen = candidates.map((list, bank) => {
      const ended = bank === cells.length - 1 ? image.finished[g].length : 0;
      list.sort((x, y) => y.rank - x.rank); // stable: ties by beam, then by word
      return list.slice(0, width - ended).map(({ path }) => path);
    });
    for (const { ids } of chosen.flat()) said.set(ids.at(-1)!, (said.get(ids.at(-1)!) ?? 0) + 1);
    return chosen;
  });
  const ends = ({ ids }: Path) => ids.at(-1) === END;
  const finished = image.finished.map((list, g) => [...list, ...groups[g].flat().filter(ends)]);
  return {
    finished,
    groups: groups.map((cells, g) => {
      const full = finished[g].length >= width;
      return cells.map((paths) => ({ live: full ? [] : paths.filter((path) => !ends(path)) }));
    }),
  };
}

function* continuationsOf(
  path: Path,
  row: number,
  { constraints, continuations, last }: ChoiceOptions,
): Generator<{ path: Path; forced: boolean }> {
  const missing = unsaid(path, constraints.forced ?? []);
  const blocked = blockedWords(path.ids, constraints, { complete: missing.length === 0, last });
  const { best, forced } = continuations(row);
  const score = path.scores.at(-1) ?? 0;
  for (const list of [best, forced]) {
    for (let i = 0; i < list.words.length; i++) {
      const word = list.words[i];
      const isForced = missing.includes(word);
      if (blocked.has(word) || isForced !== (list === forced) || !(list.scores[i] > LOWEST_SCORE)) continue;
      const next = {
        ids: [...path.ids, word],
        scores: [...path.scores, score + list.scores[i]],
        rows: [...path.rows, row],
      };
      yield { path: next, forced: isForced };
    }
  }
}
