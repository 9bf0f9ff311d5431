// This module runs in Deno only.
/** What the worker of self-critical training does: it scores captions while the device goes on. */

import { TokenTable } from "../data/token_table.ts";
import { CaptionReward } from "../train/caption_reward.ts";

/** First the training captions, once; then captions to score. */
export type RewardJob =
  | {
    readonly kind: "captions";
    readonly ids: Uint32Array;
    readonly captionStarts: Uint32Array;
    readonly imageStarts: Uint32Array;
    /** The word of each id. */
    readonly words: readonly string[];
  }
  | {
    readonly kind: "score";
    /** Number of each caption's picture. */
    readonly images: Uint32Array;
    readonly captions: readonly (readonly number[])[];
  };

/** The scores (none for the captions themselves) and what they took, or why there are none. */
export type RewardAnswer =
  | { readonly scores: Float64Array; readonly ms: number }
  | { readonly error: string };

// The worker's own scope: lib "deno.window" types `self` as a window's.
const scope = self as unknown as DedicatedWorkerGlobalScope;
let reward: CaptionReward | undefined;

scope.onmessage = ({ data }: MessageEvent<RewardJob>) => {
  let answer: RewardAnswer;
  try {
    const start = performance.now();
    const scores = run(data);
    answer = { scores, ms: performance.now() - start };
  } catch (error) {
    answer = { error: error instanceof Error ? error.message : String(error) };
  }
  scope.postMessage(answer);
};
scope.postMessage("ready");

function run(job: RewardJob): Float64Array {
  if (job.kind === "captions") {
    reward = new CaptionReward(new TokenTable(job.ids, job.captionStarts, job.imageStarts), job.words);
    return new Float64Array();
  }
  if (!reward) throw new Error("Cannot score captions: the worker has not been given the training captions");
  return reward.score(job.images, job.captions);
}
