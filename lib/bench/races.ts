// This module is browser compatible.
/** Which races there are, and their outcomes as plain data that can pass between processes. */

import { CAPTION_WORKS } from "./caption_work.ts";
import { KERNEL_WORKS, LARGE_WORKS } from "./cases.ts";
import type { Who, Work } from "./contestant.ts";
import { DECODER_STEP_WORK } from "./decoder_step.ts";
import type { DeviceChoice } from "./devices.ts";
import type { Outcome } from "./race.ts";
import { STEP_WORK } from "./step_work.ts";

/** What is raced everywhere, in the order of the report. */
const RACES: readonly Work[] = [...KERNEL_WORKS, STEP_WORK, ...CAPTION_WORKS];
/** What is raced where there is a real GPU: on a CPU each takes many seconds. */
const LARGE_RACES: readonly Work[] = [...LARGE_WORKS, DECODER_STEP_WORK];

/**
 * What of a report has `filter` in its name. Large races are for real GPUs, and for whoever asks for nothing else: on
 * a CPU "step" must not take minutes.
 *
 * @param others Names of what is measured beside the races.
 */
export function namesLike(
  filter: string,
  { others, hardware }: { readonly others: readonly string[]; readonly hardware: boolean },
): string[] {
  const isLike = (name: string) => name.toLowerCase().includes(filter.toLowerCase());
  const usual = [...RACES.map(({ name }) => name), ...others].filter(isLike);
  return hardware || usual.length === 0
    ? [...usual, ...LARGE_RACES.map(({ name }) => name).filter(isLike)]
    : usual;
}

/** The races of these names. */
export function worksNamed(names: readonly string[]): Work[] {
  return [...RACES, ...LARGE_RACES].filter(({ name }) => names.includes(name));
}

/** What the process with the peers is asked for. */
export interface PeersRequest extends DeviceChoice {
  /** Names of the races. */
  readonly names: readonly string[];
  readonly rounds: number;
  /** Folder of PyTorch's reference, where it takes part. */
  readonly reference?: string;
  /** Whether ours takes part with the system's BLAS too. */
  readonly blas: "auto" | "on" | "off";
}

/** One contestant's part of a race. */
export interface Entry extends Who {
  /** Milliseconds for one work, round by round. */
  readonly ms: readonly number[];
  /** Why there are none. */
  readonly problem?: string;
}

/** How a race went. */
export interface RaceReport {
  /** Name of the work. */
  readonly name: string;
  readonly entries: readonly Entry[];
}

/** Outcomes without what cannot leave the process. */
export function reportOf({ name }: Work, outcomes: readonly Outcome[]): RaceReport {
  const entries = outcomes.map(({ contestant, ms, problem }) => ({
    peer: contestant.peer,
    device: contestant.device,
    threads: contestant.threads,
    blas: contestant.blas,
    precision: contestant.precision,
    ms,
    problem,
  }));
  return { name, entries };
}
