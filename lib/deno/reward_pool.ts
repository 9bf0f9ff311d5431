// This module runs in Deno only.
import type { TokenTable } from "../data/token_table.ts";
import type { Rewarded, RewardSource } from "../train/reward_source.ts";
import { JobPool } from "./job_pool.ts";
import type { RewardAnswer, RewardJob } from "./reward_worker.ts";

/** Scores captions in a worker of its own, so that the device need not wait for the host. */
export class RewardWorker implements RewardSource {
  readonly #pool = new JobPool<RewardJob, RewardAnswer>(new URL("./reward_worker.ts", import.meta.url), 1);
  readonly #loaded: Promise<Rewarded>;

  /**
   * Starts the worker, which counts the n-grams of all captions.
   *
   * @param tokens Captions of the training pictures.
   * @param words The word of each id, special ones included.
   */
  constructor({ ids, captionStarts, imageStarts }: TokenTable, words: readonly string[]) {
    this.#loaded = this.#run({ kind: "captions", ids, captionStarts, imageStarts, words });
    this.#loaded.catch(() => {}); // the first score throws it
  }

  /**
   * CIDEr-D of each caption, from 0 to 10.
   *
   * @throws {Error} If the worker died, or could not count the training captions.
   */
  async score(images: ArrayLike<number>, captions: readonly (readonly number[])[]): Promise<Rewarded> {
    await this.#loaded;
    return await this.#run({ kind: "score", images: Uint32Array.from(images), captions });
  }

  /** Ends the worker. */
  close(): void {
    this.#pool.close();
  }

  async #run(job: RewardJob): Promise<Rewarded> {
    const answer = await this.#pool.run(job);
    if ("error" in answer) throw new Error(answer.error);
    return answer;
  }
}
