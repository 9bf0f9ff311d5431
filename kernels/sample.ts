// This module is browser compatible.
import { NO_CHOICE } from "./beam.ts";
import { defineKernel, linearGrid, type NumberArray, type Program } from "./kernel.ts";
import { hash32 } from "./random.ts";
import wgsl from "./sample.wgsl" with { type: "text" };

const WORKGROUP = 64;

// On a real GPU a stretch of 9,490 / 64 words is long for one invocation.
const sampleWide: Program<"N"> = {
  name: "sample:256",
  wgsl,
  constants: { WORKGROUP: 256 },
  workgroups: ({ N }) => linearGrid(N, 1),
};

/** One random word for each row; see `sample.wgsl`. */
export const sampleKernel = defineKernel({
  name: "sample",
  wgsl,
  inputs: ["logits", "banned"],
  outputs: ["tokens", "ended", "history_words", "history_scores"],
  params: {
    N: "u32",
    V: "u32",
    t: "u32",
    samples: "u32",
    first_image: "u32",
    seed: "u32",
    top_k: "u32",
    top_p: "f32",
    end: "u32",
  },
  constants: { WORKGROUP },
  workgroups: ({ N }) => linearGrid(N, 1), // a workgroup a row
  variants: [sampleWide],
  choose: (_, { software }): Program<"N"> => software ? sampleKernel : sampleWide,
  cpu(buffers, { N, V, t, samples, first_image, seed, top_k, top_p, end }) {
    const { logits, banned, tokens, ended, history_words, history_scores } = buffers;
    for (let n = 0; n < N; n++) {
      const at = t * N + n;
      if (ended[n]) {
        tokens[n] = end;
        history_words[at] = NO_CHOICE;
        history_scores[at] = 0;
        continue;
      }
      const row = logits.subarray(n * V, (n + 1) * V);
      let largest = -Infinity;
      let top = -Infinity; // of the words allowed
      for (let v = 0; v < V; v++) {
        largest = Math.max(largest, row[v]);
        if (!banned[v]) top = Math.max(top, row[v]);
      }
      let sum = 0;
      for (let v = 0; v < V; v++) sum += Math.exp(row[v] - largest);
      const lowest = lowestKept(row, banned, { top, top_k, top_p });
      let kept = 0;
      for (let v = 0; v < V; v++) if (!banned[v] && row[v] >= lowest) kept += Math.exp(row[v] - top);
      const image = first_image + Math.floor(n / samples);
      const goal = (hash32(seed, image, n % samples, t) >>> 8) / 2 ** 24 * kept;
      let passed = 0;
      let word = end; // where everything is banned
      for (let v = 0; v < V && passed <= goal; v++) {
        if (banned[v] || !(row[v] >= lowest)) continue;
        word = v;
        passed += Math.exp(row[v] - top);
      }
      ended[n] = Number(word === end);
      tokens[n] = word;
      history_words[at] = word;
      history_scores[at] = row[word] - largest - Math.log(sum);
    }
  },
});

/** The lowest logit among the `top_k` likeliest words, and of those among the likeliest that hold `top_p` of the mass. */
function lowestKept(
  row: NumberArray,
  banned: ArrayLike<number>,
  { top, top_k, top_p }: { top: number; top_k: number; top_p: number },
): number {
  if (top_k === 0 && top_p >= 1) return -Infinity;
  const sorted = row.filter((_, v) => !banned[v]).sort().reverse();
  const kth = top_k > 0 && top_k < sorted.length ? sorted[top_k - 1] : -Infinity;
  if (top_p >= 1) return kth;
  const masses = Array.from(sorted, (logit) => logit >= kth ? Math.exp(logit - top) : 0);
  const goal = top_p * masses.reduce((total, mass) => total + mass, 0);
  let sum = 0;
  const last = masses.findIndex((mass) => (sum += mass) >= goal);
  return last < 0 ? kth : sorted[last];
}
