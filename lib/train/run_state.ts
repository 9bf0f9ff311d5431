// This module is browser compatible.
/** Where a run stands, beside the tensors: what its checkpoints say, and how a validation changes it. */

/**
 * What the best model is chosen by: CIDEr-D of captions it writes itself, cross entropy with teacher forcing, or neither:
 * the last is the best.
 */
export const BEST_BY = ["cider", "cross-entropy", "last"] as const;

/** One of {@linkcode BEST_BY}. */
export type BestBy = (typeof BEST_BY)[number];

/** Returns to earlier checkpoints at most: a run that needs more will not learn. */
export const MOST_ROLLBACKS = 3;

/** A return to an earlier checkpoint after the loss had exploded. */
export interface Rollback {
  /** Steps taken when it was seen, and those of the checkpoint. */
  readonly from: number;
  readonly to: number;
  /** What the learning rate has been multiplied with since, all returns together. */
  readonly learningRateFactor: number;
  readonly reason: string;
}

/** What a checkpoint says of its run. */
export interface RunState {
  /** Steps taken, as the optimiser counts them. */
  readonly step: number;
  /** The best validation's score, as the best is chosen; null before the first. */
  readonly best: number | null;
  /** All scores of that validation, and its step. */
  readonly bestScores?: Readonly<Record<string, number>>;
  /** The last step after which the run was validated. Default: none is owed. */
  readonly validated?: number;
  /** The highest CIDEr-D so far, and the validations since. */
  readonly bestCider?: number;
  readonly stale?: number;
  /** Returns to earlier checkpoints. Default: none. */
  readonly rollbacks?: readonly Rollback[];
  /** See `SaveContext` of the loop. */
  readonly recentLosses?: readonly number[];
  /** False: written out of turn, where the run was stopped. Default true. */
  readonly inTurn?: boolean;
}

/** The part of a run's state that validations and explosions change. */
export class RunProgress {
  readonly #bestBy: BestBy;
  best: number | null = null;
  bestScores: Readonly<Record<string, number>> | undefined;
  /** The last step after which the run was validated; −1 where even its start is owed. */
  validated: number | undefined;
  bestCider = 0;
  stale = 0;
  rollbacks: readonly Rollback[] = [];

  constructor(bestBy: BestBy, { validated = 0 }: { readonly validated?: number } = {}) {
    this.#bestBy = bestBy;
    this.validated = validated;
  }

  /** Goes on from a checkpoint. */
  restore({ best, bestScores, validated, bestCider = 0, stale = 0, rollbacks = [] }: RunState): void {
    Object.assign(this, { best, bestScores, validated, bestCider, stale, rollbacks });
  }

  /** For a checkpoint. */
  get state(): Omit<RunState, "step"> {
    const { best, bestScores, validated, bestCider, stale, rollbacks } = this;
    return { best, bestScores, validated, bestCider, stale, rollbacks };
  }

  /**
   * Takes the scores of a validation in: `crossEntropy`, `CIDEr`, others.
   *
   * Equal CIDEr-Ds (0 at the start of many runs) are told apart by the cross entropy. A CIDEr-D that has never been
   * above 0 is not stale: the run has yet to begin.
   *
   * @returns Whether the model is the best so far.
   */
  judge(step: number, scores: Readonly<Record<string, number>>): boolean {
    this.validated = step;
    const { CIDEr, crossEntropy } = scores;
    if (CIDEr > this.bestCider) [this.bestCider, this.stale] = [CIDEr, 0];
    else if (this.bestCider > 0) this.stale++;
    if (this.#bestBy === "last") {
      this.best = crossEntropy;
      this.bestScores = { step, ...scores };
      return true;
    }
    const value = this.#bestBy === "cider" ? CIDEr : crossEntropy;
    const lead = this.best === null ? 1 : this.#bestBy === "cider" ? value - this.best : this.best - value;
    const tie = crossEntropy < (this.bestScores?.crossEntropy ?? -Infinity);
    if (!(lead > 0 || (lead === 0 && tie))) return false;
    this.best = value;
    this.bestScores = { step, ...scores };
    return true;
  }
}
