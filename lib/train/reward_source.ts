// This module is browser compatible.

/** Captions' rewards. */
export interface Rewarded {
  /** One a caption. */
  readonly scores: Float64Array;
  /** Time it took to compute them, in milliseconds. */
  readonly ms: number;
}

/** What scores drawn captions: at once, or elsewhere while the device goes on. */
export interface RewardSource {
  /**
   * @param images Number of each caption's picture.
   * @param captions Ids [n], the end token included where it was reached, without the start.
   */
  score(images: ArrayLike<number>, captions: readonly (readonly number[])[]): Promise<Rewarded>;
}

/** Scores on the thread that asks: for a browser, and for small things. */
export function rewardHere(
  reward: { score(images: ArrayLike<number>, captions: readonly (readonly number[])[]): Float64Array },
): RewardSource {
  return {
    score(images, captions) {
      const start = performance.now();
      const scores = reward.score(images, captions);
      return Promise.resolve({ scores, ms: performance.now() - start });
    },
  };
}
