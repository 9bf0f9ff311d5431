// This module is browser compatible.
/** Contestants doing the same work in turn, so that a disturbance of the machine hits all alike. */

import { type Contestant, type Runner, titleOf, type Work } from "./contestant.ts";

/** How long to measure. */
export interface RaceOptions {
  /** Rounds; the median of their times counts. Default 5. */
  readonly rounds?: number;
  /** Milliseconds that each contestant works in a round. Default 100. */
  readonly roundMs?: number;
  /** Told what is being measured. */
  readonly onProgress?: (text: string) => void;
}

/** How one contestant did. */
export interface Outcome {
  readonly contestant: Contestant;
  /** Milliseconds for one work in each round. None where `problem` tells why. */
  readonly ms: readonly number[];
  /** A wrong result, or an error. */
  readonly problem?: string;
}

/** A contestant so slow that one work takes this long is not made to repeat it. */
const SLOW_MS = 3000;
/** Most repetitions in a round. */
const MOST_TIMES = 2000;

interface Racer {
  readonly contestant: Contestant;
  readonly runner: Runner;
  readonly times: number;
  readonly ms: number[];
  problem?: string;
}

/**
 * Lets contestants do a work in turn. Each one's first and last results are checked, the times of a wrong one are
 * not reported.
 *
 * @returns Outcomes in the order of the contestants, without those that have no means to do the work.
 */
export async function race(
  work: Work,
  contestants: readonly Contestant[],
  options: RaceOptions = {},
): Promise<Outcome[]> {
  const { rounds = 5, roundMs = 100, onProgress } = options;
  const racers: Racer[] = [];
  for (const [i, contestant] of contestants.entries()) {
    onProgress?.(`${work.name}: ${titleOf(contestant)}`);
    const racer = await warmUp(work, contestant, { seed: i + 1, roundMs });
    if (racer) racers.push(racer);
  }
  for (let round = 0; round < rounds; round++) {
    onProgress?.(`${work.name}: round ${round + 1} of ${rounds}`);
    for (const racer of racers) {
      if (racer.problem || racer.ms.some((ms) => ms > SLOW_MS)) continue;
      await attempt(racer, async () => {
        racer.ms.push(await timed(racer.runner, racer.times));
      });
    }
  }
  for (const racer of racers) {
    if (!racer.problem) {
      await attempt(racer, async () => {
        racer.problem = await racer.runner.check();
      });
    }
    racer.runner.dispose();
  }
  return racers.map(({ contestant, ms, problem }) =>
    problem ? { contestant, ms: [], problem } : { contestant, ms }
  );
}

/** Runs it once to have the result checked, then again to learn how often it fits into a round. */
async function warmUp(
  work: Work,
  contestant: Contestant,
  { seed, roundMs }: { readonly seed: number; readonly roundMs: number },
): Promise<Racer | undefined> {
  const none: Runner = {
    run: () => Promise.resolve(),
    check: () => Promise.resolve(undefined),
    dispose() {},
  };
  let runner: Runner | undefined;
  try {
    runner = await contestant.prepare(work, seed);
    if (!runner) return undefined;
    const { fixedTimes } = runner;
    if (fixedTimes !== undefined) return { contestant, runner, times: fixedTimes, ms: [] };
    const first = await timed(runner, 1); // compiles, and fills caches
    const problem = await runner.check();
    if (problem) return { contestant, runner, times: 1, ms: [], problem };
    let ms = first > 3 * SLOW_MS ? first : await timed(runner, 1);
    if (ms > SLOW_MS) return { contestant, runner, times: 1, ms: [ms] };
    if (ms < roundMs / 4) ms = await timed(runner, 4);
    const times = Math.max(1, Math.min(MOST_TIMES, Math.round(roundMs / ms)));
    return { contestant, runner, times, ms: [] };
  } catch (error) {
    return { contestant, runner: runner ?? none, times: 1, ms: [], problem: messageOf(error) };
  }
}

async function attempt(racer: Racer, fn: () => Promise<void>): Promise<void> {
  try {
    await fn();
  } catch (error) {
    racer.problem = messageOf(error);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Milliseconds for one work. */
async function timed(runner: Runner, times: number): Promise<number> {
  const start = performance.now();
  const own = await runner.run(times);
  return (own ?? performance.now() - start) / times;
}

/** The middle of some numbers; the mean of the two in the middle of an even count. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** How many times faster `ours` was: the median over the rounds, each of which both went through. */
export function speedRatio(ours: readonly number[], theirs: readonly number[]): number {
  const rounds = Math.min(ours.length, theirs.length);
  if (rounds < 3) return median(theirs) / median(ours);
  return median(Array.from({ length: rounds }, (_, i) => theirs[i] / ours[i]));
}
