// This module is browser compatible.
/** Cases of the kernels that choose words. Scores differ enough that rounding does not choose. */

import { beamCandidatesKernel, beamSelectKernel, LOWEST_SCORE } from "../../kernels/beam.ts";
import { sampleKernel } from "../../kernels/sample.ts";
import { sampledInputsKernel } from "../../kernels/sampled_inputs.ts";
import { folded, type KernelCase, kernelCase, type Numbers, unwritten } from "./case.ts";

/** Different multiples of 1/64, in random order. */
function distinct(n: Numbers, length: number): Float64Array {
  const values = Float64Array.from({ length }, (_, i) => (i - length / 2) / 64);
  for (let i = length - 1; i > 0; i--) {
    const other = Math.floor(n.next() * (i + 1));
    [values[i], values[other]] = [values[other], values[i]];
  }
  return values;
}

/** Rows of different numbers. */
function distinctRows(n: Numbers, rows: number, columns: number): Float64Array {
  const values = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) values.set(distinct(n, columns), row * columns);
  return values;
}

/** Best first in each row. */
function sortRows(values: Float64Array, columns: number): Float64Array {
  for (let at = 0; at < values.length; at += columns) values.subarray(at, at + columns).sort().reverse();
  return values;
}

function* sampledInputs(): Generator<KernelCase> {
  for (const [T, N, t] of [[1, 1, 0], [3, 5, 2], [2, 131, 1]]) {
    yield kernelCase(sampledInputsKernel, `step ${t} of ${T}, ${N} rows`, (n) => ({
      arrays: {
        truth: n.ids(T * N, 4), // some are padding
        drawn: n.ids(N, 9),
        mixed: new Uint32Array(T * N).fill(99),
        words: new Uint32Array(N).fill(99),
        ended: new Uint32Array(N).fill(1),
      },
      params: { N, t, seed: 0xfedc_ba98, chance: 2 ** 23, first_row: 3, pad: 0 },
    }));
  }
}

function* beams(): Generator<KernelCase> {
  for (const [N, V, k] of [[1, 1, 1], [6, 67, 3], [5, 7, 5], [4, 301, 1], [2, 601, 9]]) {
    for (const program of [beamCandidatesKernel, ...beamCandidatesKernel.variants!.map(folded)]) {
      yield kernelCase(beamCandidatesKernel, `${N} beams of ${k}, ${V} words`, (n) => {
        const scores = n.uniform(N, -9, 0);
        if (N > 3) scores[2] = LOWEST_SCORE; // a beam that is not there
        const banned = Uint32Array.from({ length: V }, (_, v) => Number(V > 1 && v % 3 === 1));
        return {
          arrays: {
            logits: distinctRows(n, N, V),
            scores,
            banned,
            candidate_scores: unwritten(N * k),
            candidate_words: new Uint32Array(N * k).fill(99),
          },
          params: { N, V, k },
        };
      }, { program });
    }
  }
  for (const [B, k, t] of [[1, 1, 0], [3, 3, 2], [2, 5, 1], [2, 9, 0]]) {
    yield kernelCase(beamSelectKernel, `${B} pictures, ${k} beams, step ${t}`, (n) => {
      const [V, end, steps] = [11, 2, t + 1];
      const finished = n.ids(B, k);
      const scores = sortRows(distinct(n, B * k * k), k);
      if (k > 1) scores.fill(LOWEST_SCORE, (B * k - 1) * k); // the last beam is not there
      return {
        arrays: {
          candidate_scores: scores,
          candidate_words: n.ids(B * k * k, V),
          scores: unwritten(B * k),
          tokens: new Uint32Array(B * k).fill(99),
          parents: new Uint32Array(B * k).fill(99),
          finished,
          history_scores: n.uniform(steps * B * k),
          history_choices: n.ids(steps * B * k, 99),
        },
        params: { B, k, V, t, end },
      };
    });
  }
}

function* samples(): Generator<KernelCase> {
  for (
    const [V, top_k, top_p] of [[1, 0, 1], [67, 0, 1], [67, 5, 1], [131, 0, 0.75], [131, 20, 0.5], [
      601,
      0,
      0.75,
    ]]
  ) {
    for (const program of [sampleKernel, ...sampleKernel.variants!.map(folded)]) {
      yield kernelCase(sampleKernel, `${V} words, top ${top_k}, mass ${top_p}`, (n) => {
        const [N, t] = [6, 1];
        return {
          arrays: {
            logits: distinctRows(n, N, V),
            banned: Uint32Array.from({ length: V }, (_, v) => Number(V > 1 && v % 5 === 0)),
            tokens: new Uint32Array(N).fill(99),
            ended: Uint32Array.from({ length: N }, (_, i) => Number(i === 3)),
            history_words: new Uint32Array(2 * N).fill(99),
            history_scores: n.uniform(2 * N),
          },
          params: { N, V, t, samples: 3, first_image: 7, seed: 12345, top_k, top_p, end: 2 },
        };
      }, { program });
    }
  }
}

/** Every case of this file. */
export function* searchCases(): Generator<KernelCase> {
  yield* sampledInputs();
  yield* beams();
  yield* samples();
}
