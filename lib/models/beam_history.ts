// This module is browser compatible.
import { LOWEST_SCORE, NO_CHOICE } from "../../kernels/beam.ts";

/** One caption of an image. */
export interface Caption {
  /** Word ids, the end token included where it was reached. */
  readonly ids: readonly number[];
  /** Log-probability of each id given those before it. */
  readonly logProbabilities: readonly number[];
  /** Their sum. */
  readonly score: number;
  /** score / ids.length ** lengthAlpha: what captions compete by. */
  readonly final: number;
  /** Whether the end token was reached. */
  readonly finished: boolean;
  /** Attention at each id [P]; empty unless it was asked for. */
  readonly alphas: readonly Float32Array[];
}

/** What a search chose, as read from the device: [T, B · k] each, alphas [T, B · k, P]. */
export interface History {
  readonly scores: ArrayLike<number>;
  readonly choices: ArrayLike<number>;
  readonly alphas?: ArrayLike<number>;
}

interface Sizes {
  readonly B: number;
  readonly k: number;
  readonly V: number;
  /** Positions of the attention. */
  readonly P: number;
  readonly steps: number;
  readonly lengthAlpha: number;
  readonly end: number;
}

/** A beam on its way: its ids, scores after each, and the row it occupied at each step. */
interface Path {
  readonly ids: readonly number[];
  readonly scores: readonly number[];
  readonly rows: readonly number[];
}

/** Follows the choices of each image forwards and returns its captions, best first. */
export function readHistory(history: History, sizes: Sizes): Caption[][] {
  return Array.from({ length: sizes.B }, (_, b) => imageCaptions(history, sizes, b));
}

function imageCaptions(history: History, sizes: Sizes, b: number): Caption[] {
  const { B, k, V, steps, lengthAlpha, end } = sizes;
  let live: Path[] = [{ ids: [], scores: [], rows: [] }];
  const finished: Path[] = [];
  for (let t = 0; t < steps && live.length > 0; t++) {
    const next: Path[] = [];
    for (let rank = 0; rank < k; rank++) {
      const at = (t * B + b) * k + rank;
      const choice = history.choices[at];
      if (choice === NO_CHOICE || !(history.scores[at] > LOWEST_SCORE)) break;
      const row = Math.floor(choice / V);
      const parent = live[row];
      const word = choice % V;
      const path = {
        ids: [...parent.ids, word],
        scores: [...parent.scores, history.scores[at]],
        rows: [...parent.rows, b * k + row],
      };
      (word === end ? finished : next).push(path);
    }
    // The longest unfinished captions compete when nothing ends: keep them when nothing can follow either.
    if (next.length === 0 && finished.length === 0) break;
    live = next;
  }
  const done = finished.length > 0;
  return (done ? finished : live)
    .map((path) => toCaption(path, history, { rows: B * k, P: sizes.P, lengthAlpha, finished: done }))
    .sort((x, y) => y.final - x.final); // stable: ties keep the order of finishing
}

/** The caption of a path whose attention, where there is any, is in `history` [T, rows, P]. */
export function toCaption(
  { ids, scores, rows }: Path,
  { alphas }: Pick<History, "alphas">,
  options: { rows: number; P: number; lengthAlpha: number; finished: boolean },
): Caption {
  const score = scores.at(-1) ?? NaN; // no word at all: the model's numbers are broken
  return {
    ids,
    logProbabilities: scores.map((sum, i) => i === 0 ? sum : sum - scores[i - 1]),
    score,
    final: score / ids.length ** options.lengthAlpha,
    finished: options.finished,
    alphas: alphas ? rows.map((row, t) => alphaAt(alphas, t * options.rows + row, options.P)) : [],
  };
}

/** Row `row` of attention [.., P]. */
export function alphaAt(alphas: ArrayLike<number>, row: number, P: number): Float32Array {
  return Float32Array.from({ length: P }, (_, p) => alphas[row * P + p]);
}
