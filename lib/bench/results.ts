// This module is browser compatible.
/** Measured figures, for people and for machines. */

import { isKernelWork, titleOf, type Work } from "./contestant.ts";
import type { Peak } from "./peak.ts";
import { median, speedRatio } from "./race.ts";
import type { Entry, RaceReport } from "./races.ts";
import { amountOf } from "./work.ts";

/** One figure, as `bench --json` prints it. */
export interface BenchResult {
  readonly name: string;
  readonly device: string;
  readonly value: number;
  readonly unit: string;
  readonly higherIsBetter: boolean;
  /** Whose figure it is; null for ours. */
  readonly peer: string | null;
}

/** A part of the report: lines to print, figures, and what went wrong with ours. */
export interface Report {
  readonly lines: readonly string[];
  readonly results: readonly BenchResult[];
  readonly failures: readonly string[];
}

/** Four digits are more than a machine repeats. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

/** ", 1 thread" behind a name; nothing for a GPU. */
export function threadsSuffix(threads: number | undefined): string {
  return threads === undefined ? "" : `, ${threads} ${threads === 1 ? "thread" : "threads"}`;
}

/** Peaks by title of our contestants, such as "cpu, 2 threads". */
export type Peaks = ReadonlyMap<string, Peak>;

/** Describes a race: a line for each contestant, peers with the ratio of ours to theirs. */
export function describeRace(work: Work, { entries }: RaceReport, peaks: Peaks): Report {
  const lines = [work.name];
  const results: BenchResult[] = [];
  const failures: string[] = [];
  for (const entry of entries) {
    const title = titleOf(entry).padEnd(28);
    if (entry.problem) {
      lines.push(`  ${title} FAILED: ${entry.problem}`);
      if (!entry.peer) failures.push(`${work.name} on ${titleOf(entry)}: ${entry.problem}`);
      continue;
    }
    const figures = figuresOf(work, median(entry.ms));
    const name = work.name + threadsSuffix(entry.threads) + (entry.blas ? ", BLAS" : "") +
      (entry.precision ? `, ${entry.precision}` : "");
    const { device, peer = null } = entry;
    for (const { value, unit, higherIsBetter, suffix = "" } of figures) {
      results.push({ name: name + suffix, device, value: rounded(value), unit, higherIsBetter, peer });
    }
    const texts = figures.map(({ value, unit }) => `${formatted(value).padStart(7)} ${unit}`);
    if (figures[0].unit !== "ms") texts.push(`${formatted(median(entry.ms)).padStart(7)} ms`);
    texts.push(`best ${formatted(Math.min(...entry.ms)).padStart(7)} ms`);
    const note = entry.peer ? ratioText(entry, entries) : shareText(work, entry, peaks);
    lines.push(`  ${title} ${texts.join("  ")}${note ? `  ${note}` : ""}`);
  }
  return { lines, results, failures };
}

interface Figure {
  readonly value: number;
  readonly unit: string;
  readonly higherIsBetter: boolean;
  /** Behind the name, where a work has more than one figure. */
  readonly suffix?: string;
}

function figuresOf(work: Work, ms: number): Figure[] {
  if (isKernelWork(work)) {
    const { amount, unit } = amountOf(work);
    return [{ value: amount / ms / 1e6, unit, higherIsBetter: true }];
  }
  const time = { value: ms, unit: "ms", higherIsBetter: false };
  const pictures = work.kind === "caption" ? work.pictures : work.batch;
  if (pictures === 1) return [time];
  const rate = {
    value: pictures / ms * 1000,
    unit: "pictures/s",
    higherIsBetter: true,
    suffix: " (pictures)",
  };
  return [time, rate];
}

/** "73 % of peak". */
function shareText(work: Work, entry: Entry, peaks: Peaks): string {
  const peak = peaks.get(titleOf({ ...entry, precision: undefined })); // it computes in f32 all the same
  if (!peak || !isKernelWork(work)) return "";
  const { amount, unit } = amountOf(work);
  const most = unit === "GFLOP/s" ? peak.gflops : peak.gigabytesPerSecond;
  return `${(amount / median(entry.ms) / 1e6 / most * 100).toFixed(0)} % of peak`;
}

/** "ours 1.2 times as fast with 1 thread, 1.9 with 2". */
function ratioText(peer: Entry, entries: readonly Entry[]): string {
  const device = peer.device === "cuda" ? "webgpu" : peer.device;
  const ours = entries.filter((entry) => !entry.peer && entry.device === device && !entry.problem);
  const ratios = ours.map(({ ms, threads, blas, precision }) => {
    const place = threads === undefined ? "" : ` with ${threads} ${threads === 1 ? "thread" : "threads"}`;
    return `${speedRatio(ms, peer.ms).toFixed(2)}×${place}${blas ? " and BLAS" : ""}` +
      (precision ? ` in ${precision}` : "");
  });
  return ratios.length > 0 ? `ours ${ratios.join(", ")}` : "";
}

/** Three or four digits. */
export function formatted(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
