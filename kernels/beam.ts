// This module is browser compatible.
/** One step of a beam search for a batch of images: candidates of each beam, then the survivors of each image. */

import { address } from "./address.ts";
import { defineKernel, linearGrid, type Program } from "./kernel.ts";
import candidatesWgsl from "./beam_candidates.wgsl" with { type: "text" };
import candidatesWorkgroupWgsl from "./beam_candidates_workgroup.wgsl" with { type: "text" };
import selectWgsl from "./beam_select.wgsl" with { type: "text" };

const WORKGROUP = 64;

/** Score of a beam that is not there: the lowest f32, since WGSL has no infinity. */
export const LOWEST_SCORE = -3.4028234663852886e38;
/** Choice at a rank that nobody took. */
export const NO_CHOICE = 0xffffffff;

const candidatesWorkgroup: Program<"N"> = {
  name: "beam_candidates_workgroup",
  wgsl: candidatesWorkgroupWgsl,
  workgroups: ({ N }) => linearGrid(N, 1),
};

/** The k best continuations of every beam; see `beam_candidates.wgsl`. */
export const beamCandidatesKernel = defineKernel({
  name: "beam_candidates",
  wgsl: candidatesWgsl,
  inputs: ["logits", "scores", "banned"],
  outputs: ["candidate_scores", "candidate_words"],
  params: { N: "u32", V: "u32", k: "u32" },
  constants: { WORKGROUP },
  workgroups: ({ N }) => linearGrid(N, 1), // a workgroup a beam
  variants: [candidatesWorkgroup],
  choose: (_, { software }): Program<"N"> => software ? beamCandidatesKernel : candidatesWorkgroup,
  cpu({ logits, scores, banned, candidate_scores, candidate_words }, { N, V, k }) {
    for (let n = 0; n < N; n++) {
      const row = logits.subarray(n * V, (n + 1) * V);
      let largest = -Infinity;
      for (let v = 0; v < V; v++) largest = Math.max(largest, row[v]);
      let sum = 0;
      for (let v = 0; v < V; v++) sum += Math.exp(row[v] - largest);
      const best = bestWords(row, banned, k);
      for (let rank = 0; rank < k; rank++) {
        const alive = rank < best.length && scores[n] > LOWEST_SCORE;
        const word = best[rank] ?? 0;
        candidate_words[n * k + rank] = word;
        candidate_scores[n * k + rank] = alive
          ? scores[n] + (row[word] - largest - Math.log(sum))
          : LOWEST_SCORE;
      }
    }
  },
  fast({ logits, scores, banned, candidate_scores, candidate_words }, { N, V, k }, engine) {
    const arrays = [logits, scores, banned, candidate_scores, candidate_words];
    engine.loop("beam_candidates", N, [...arrays.map((array) => address(array)), V, k]);
  },
});

/** Indices of the k largest logits of words that are not banned, best first, ties by index. */
function bestWords(
  row: ArrayLike<number>,
  banned: ArrayLike<number>,
  k: number,
): number[] {
  const best: number[] = [];
  for (let v = 0; v < row.length; v++) {
    if (banned[v] || (best.length === k && !(row[v] > row[best[k - 1]]))) continue;
    if (best.length === k) best.pop();
    let at = best.length;
    while (at > 0 && row[v] > row[best[at - 1]]) at--;
    best.splice(at, 0, v);
  }
  return best;
}

/** Survivors of each image; see `beam_select.wgsl`. */
export const beamSelectKernel = defineKernel({
  name: "beam_select",
  wgsl: selectWgsl,
  inputs: ["candidate_scores", "candidate_words"],
  outputs: ["scores", "tokens", "parents", "finished", "history_scores", "history_choices"],
  params: { B: "u32", k: "u32", V: "u32", t: "u32", end: "u32" },
  constants: { WORKGROUP },
  workgroups: ({ B }) => linearGrid(B, 1), // a workgroup an image
  cpu(buffers, { B, k, V, t, end }) {
    const { candidate_scores, candidate_words, scores, tokens, parents, finished } = buffers;
    for (let b = 0; b < B; b++) {
      const first = b * k;
      const history = t * B * k + first;
      const order = Array.from({ length: k * k }, (_, i) => i)
        .filter((i) => candidate_scores[first * k + i] > LOWEST_SCORE)
        .sort((i, j) => candidate_scores[first * k + j] - candidate_scores[first * k + i] || i - j)
        .slice(0, k - finished[b]);
      let live = 0;
      for (let rank = 0; rank < k; rank++) {
        const index = order[rank];
        buffers.history_scores[history + rank] = index === undefined
          ? LOWEST_SCORE
          : candidate_scores[first * k + index];
        buffers.history_choices[history + rank] = NO_CHOICE;
        if (index === undefined) continue;
        const parent = Math.floor(index / k);
        const word = candidate_words[first * k + index];
        buffers.history_choices[history + rank] = parent * V + word;
        if (word === end) finished[b]++;
        else {
          scores[first + live] = candidate_scores[first * k + index];
          tokens[first + live] = word;
          parents[first + live] = first + parent;
          live++;
        }
      }
      if (live === 0) finished[b] = k;
      for (let row = live; row < k; row++) {
        scores[first + row] = LOWEST_SCORE;
        tokens[first + row] = end;
        parents[first + row] = first;
      }
    }
  },
});
