// This module is browser compatible.
/** Parts of the report beside the races: peaks, recording, memory, cost. */

import type { Backend } from "../backend/backend.ts";
import { openCpu } from "../backend/cpu.ts";
import { openWebgpu } from "../backend/webgpu.ts";
import { type DeviceChoice, softwareAdapter } from "./devices.ts";
import { type CostLine, measureCost, measureStepMemory } from "./memory.ts";
import { measurePeak, type Peak } from "./peak.ts";
import { measureCpuPeak } from "./peak_cpu.ts";
import { measureRecording, profileCpu, type ProfileRow, profileWebgpu } from "./profile.ts";
import { type BenchResult, formatted, type Peaks, type Report, rounded, threadsSuffix } from "./results.ts";
import { titleOf } from "./contestant.ts";
import { STEP_WORK } from "./step_work.ts";

/** Names of what is measured here. */
export const SECTION_NAMES = {
  arithmetic: "peak arithmetic",
  copy: "peak copy",
  recording: "recording a step",
  memory: "step memory",
  cost: "step cost",
} as const;

/** A step may take this much more memory than it must hold. */
const MOST_MEMORY = 1.25;
const MEBIBYTE = 2 ** 20;
/** Kernels with a smaller share of a step are summed up. */
const LEAST_SHARE = 0.005;

type Device = DeviceChoice["devices"][number];

function result(
  name: string,
  device: string,
  { value, unit, higherIsBetter }: Pick<BenchResult, "value" | "unit" | "higherIsBetter">,
): BenchResult {
  return { name, device, value: rounded(value), unit, higherIsBetter, peer: null };
}

/** Measures what each device can do at most. */
export async function reportPeaks(
  { devices, threads }: DeviceChoice,
): Promise<Report & { readonly peaks: Peaks }> {
  const peaks = new Map<string, Peak>();
  const results: BenchResult[] = [];
  const lines = ["peaks, measured with a kernel of multiply-adds alone and with one that copies"];
  const add = (device: Device, count: number | undefined, peak: Peak) => {
    const title = titleOf({ device, threads: count });
    peaks.set(title, peak);
    const { gflops, gigabytesPerSecond } = peak;
    const figure = { higherIsBetter: true };
    const suffix = threadsSuffix(count);
    results.push(
      result(SECTION_NAMES.arithmetic + suffix, device, { ...figure, value: gflops, unit: "GFLOP/s" }),
      result(SECTION_NAMES.copy + suffix, device, { ...figure, value: gigabytesPerSecond, unit: "GB/s" }),
    );
    lines.push(`  ${title.padEnd(28)} ${formatted(gflops)} GFLOP/s, ${formatted(gigabytesPerSecond)} GB/s`);
  };
  if (devices.includes("cpu")) {
    for (const count of threads) {
      add("cpu", count, await measureCpuPeak(count));
    }
  }
  if (devices.includes("webgpu")) {
    const backend = await openWebgpu();
    add("webgpu", undefined, await measurePeak(backend, { software: await softwareAdapter() ?? false }));
    backend.close();
  }
  return { lines, results, failures: [], peaks };
}

/**
 * Measures JavaScript's part of a step on a GPU, on little pictures: it does not depend on sizes.
 *
 * @param clock See `measureRecording`.
 */
export async function reportRecording(clock?: () => number): Promise<Report> {
  const backend = await openWebgpu({ texelLoads: Infinity }); // as on GPUs
  const small = { ...STEP_WORK, batch: 2, size: 16, words: 64 };
  const { dispatches, recording: own, submitting } = await measureRecording(backend, small, clock);
  backend.close();
  const { recording } = SECTION_NAMES;
  const lower = { higherIsBetter: false };
  return {
    lines: [
      `${recording}: ${formatted(own)} µs of JavaScript for each of ${dispatches} dispatches, and ` +
      `${formatted(submitting)} µs of the driver's to submit it, by the ${
        clock ? "thread's" : "wall's"
      } clock`,
    ],
    results: [
      result(recording, "webgpu", { ...lower, value: own, unit: "µs/dispatch" }),
      result(`${recording} (submitting)`, "webgpu", { ...lower, value: submitting, unit: "µs/dispatch" }),
      result(`${recording} (dispatches)`, "webgpu", { ...lower, value: dispatches, unit: "" }),
    ],
    failures: [],
  };
}

/** Counts a step's memory on a device: it is the same kernels, and nearly the same count, on all. */
export async function reportMemory(device: Device, threads?: number): Promise<Report> {
  const backend = await open(device, threads);
  const { peak, activations, parameters, gradients, optimiser, ratio } = measureStepMemory(
    backend,
    STEP_WORK,
  );
  backend.close();
  const mebibytes = (bytes: number) => `${formatted(bytes / MEBIBYTE)} MiB`;
  const { memory } = SECTION_NAMES;
  const lines = [
    `${memory} on ${device}: ${mebibytes(peak)} at most, ${ratio.toFixed(2)} times the sum of ` +
    `activations ${mebibytes(activations)}, parameters ${mebibytes(parameters)}, ` +
    `gradients ${mebibytes(gradients)}, optimiser ${mebibytes(optimiser)}`,
  ];
  const lower = { higherIsBetter: false };
  return {
    lines,
    results: [
      result(memory, device, { ...lower, value: peak / MEBIBYTE, unit: "MiB" }),
      result(`${memory} (share of what must be held)`, device, { ...lower, value: ratio, unit: "" }),
    ],
    failures: ratio > MOST_MEMORY
      ? [`${memory}: ${ratio.toFixed(2)} times what must be held, not ${MOST_MEMORY}`]
      : [],
  };
}

/** Measures how a step's cost grows, as tables with their distance from a straight line. */
export async function reportCost(device: Device, threads?: number): Promise<Report> {
  const backend = await open(device, threads);
  const costs = await measureCost(backend);
  backend.close();
  const lines = [`${SECTION_NAMES.cost} on ${device}`];
  for (const line of costs) lines.push(...costTable(line));
  const results = costs.flatMap(({ quantity, points }) =>
    points.flatMap(({ units, ms, peak }) => {
      const name = `${SECTION_NAMES.cost}, ${quantity} ${units}`;
      const lower = { higherIsBetter: false };
      return [
        result(name, device, { ...lower, value: ms, unit: "ms" }),
        result(`${name} (memory)`, device, { ...lower, value: peak / MEBIBYTE, unit: "MiB" }),
      ];
    })
  );
  return { lines, results, failures: [] };
}

function costTable({ quantity, points }: CostLine): string[] {
  const row = (title: string, values: readonly (number | string)[], unit: string) =>
    `  ${title.padEnd(12)}${values.map((value) => String(value).padStart(9)).join("")}  ${unit}`;
  const units = points.map((point) => point.units);
  const times = points.map(({ ms }) => ms);
  const peaks = points.map(({ peak }) => peak / MEBIBYTE);
  const bend = (values: readonly number[]) =>
    `${(bendOf(units, values) * 100).toFixed(0)} % off a straight line`;
  return [
    row(quantity, units, quantity === "image area" ? "pixels" : quantity === "batch" ? "pictures" : "words"),
    row("time", times.map(formatted), `ms, at most ${bend(times)}`),
    row("memory", peaks.map(formatted), `MiB, at most ${bend(peaks)}`),
  ];
}

/** Largest distance of points from their line of least squares, relative to the largest value. */
export function bendOf(x: readonly number[], y: readonly number[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [mx, my] = [mean(x), mean(y)];
  const slope = mean(x.map((value, i) => (value - mx) * (y[i] - my))) /
    mean(x.map((value) => (value - mx) ** 2));
  const off = x.map((value, i) => Math.abs(y[i] - my - slope * (value - mx)));
  return Math.max(...off) / Math.max(...y);
}

/** Where a training step's time goes, the longest kernels first. */
export async function reportProfile(device: Device, threads?: number, halves = false): Promise<Report> {
  const rows = device === "cpu" ? await profileOnCpu(threads) : await profileOnWebgpu(halves);
  const total = rows.reduce((sum, { ms }) => sum + ms, 0);
  const small = rows.filter(({ ms }) => ms < LEAST_SHARE * total);
  const others = {
    name: `(${small.length} others)`,
    count: small.reduce((sum, { count }) => sum + count, 0),
    ms: small.reduce((sum, { ms }) => sum + ms, 0),
  };
  const shown = [...rows.filter((row) => !small.includes(row)), ...(small.length > 0 ? [others] : [])];
  const lines = [
    `profile of a training step on ${titleOf({ device, threads, precision: halves ? "f16" : undefined })}: ${
      formatted(total)
    } ms, by ` +
    (device === "cpu" ? "the wall's clock" : "the device's clock"),
    `  ${"kernel".padEnd(48)}${"runs".padStart(6)}${"ms".padStart(9)}${"share".padStart(8)}`,
    ...shown.map(({ name, count, ms }) =>
      `  ${name.padEnd(48)}${String(count).padStart(6)}${formatted(ms).padStart(9)}` +
      `${(ms / total * 100).toFixed(1).padStart(6)} %`
    ),
  ];
  const results = rows.map(({ name, ms }) =>
    result(`profile: ${name}${threadsSuffix(threads)}${halves ? ", f16" : ""}`, device, {
      value: ms,
      unit: "ms",
      higherIsBetter: false,
    })
  );
  return { lines, results, failures: [] };
}

async function profileOnCpu(threads?: number): Promise<ProfileRow[]> {
  const backend = await openCpu({ threads });
  const rows = await profileCpu(backend, STEP_WORK);
  backend.close();
  return rows;
}

async function profileOnWebgpu(halves: boolean): Promise<ProfileRow[]> {
  const backend = await openWebgpu({ profile: true, halves });
  const rows = await profileWebgpu(backend, STEP_WORK);
  backend.close();
  return rows;
}

async function open(device: Device, threads?: number): Promise<Backend> {
  return device === "cpu" ? await openCpu({ threads }) : await openWebgpu();
}
