// This module is browser compatible.
/** Where the time of a training step goes, kernel by kernel. */

import type { Backend } from "../backend/backend.ts";
import type { WebgpuBackend } from "../backend/webgpu.ts";
import { ObservedBackend } from "./observed_backend.ts";
import { stepTrainer } from "./step.ts";
import { stepBatch, type StepWork } from "./step_work.ts";

/** One kernel's part of a step. */
export interface ProfileRow {
  readonly name: string;
  /** Runs in a step. */
  readonly count: number;
  /** Of all of them, in a step. */
  readonly ms: number;
}

const STEPS = 3;
/** Recording is measured for so long, or so many steps; the first half does not count: the engine compiles in it. */
const [RECORDING_MS, RECORDED_STEPS] = [20_000, 200];

/** Wall time of each kernel on the CPU, and what JavaScript takes between them. */
export async function profileCpu(inner: Backend, work: StepWork): Promise<ProfileRow[]> {
  const backend = new ObservedBackend(inner);
  let ms = 0;
  await steps(backend, work, () => {
    backend.timing = true;
    ms = performance.now();
  });
  ms = performance.now() - ms;
  const rows = [...backend.times].map(([name, time]) => ({
    name,
    count: time.count / STEPS,
    ms: time.ms / STEPS,
  }));
  const rest = ms / STEPS - rows.reduce((sum, row) => sum + row.ms, 0);
  return [...rows, { name: "(outside kernels)", count: 1, ms: rest }].sort((a, b) => b.ms - a.ms);
}

/** Each program's time on the GPU, by its own clock. The backend was opened with `profile`. */
export async function profileWebgpu(backend: WebgpuBackend, work: StepWork): Promise<ProfileRow[]> {
  await steps(backend, work, () => backend.profile());
  const entries = await backend.profile();
  return entries.map(({ name, count, ms }) => ({ name, count: count / STEPS, ms: ms / STEPS }));
}

/** Takes a step to warm up, begins to measure, and takes those that are measured. */
async function steps(backend: Backend, work: StepWork, begin: () => unknown): Promise<void> {
  const { model, trainer } = stepTrainer(backend, work);
  const batch = stepBatch(work);
  trainer.step(batch);
  await trainer.readings();
  await begin();
  for (let i = 0; i < STEPS; i++) trainer.step(batch);
  await trainer.readings();
  trainer.dispose();
  model.dispose();
}

/** What the calling thread does for a step on a GPU. */
export interface RecordingCost {
  /** Dispatches of a step. */
  readonly dispatches: number;
  /** Microseconds for each of them: ops, tape, recording. */
  readonly recording: number;
  /** Microseconds for each of them in ending the recording and submitting it, which is the driver's work. */
  readonly submitting: number;
}

/**
 * Measures what it takes to record a step while the GPU has nothing else to do: the mean of many, after as many.
 *
 * @param clock Milliseconds that this thread has computed; by the wall, waiting and other processes count too.
 */
export async function measureRecording(
  inner: Backend,
  work: StepWork,
  clock: () => number = () => performance.now(),
): Promise<RecordingCost> {
  const backend = new ObservedBackend(inner);
  let flushMs = 0;
  backend.flush = () => {
    const start = clock();
    inner.flush();
    flushMs += clock() - start;
  };
  const { model, trainer } = stepTrainer(backend, work);
  const batch = stepBatch(work);
  let [stepMs, steps] = [0, 0];
  const half = async (limit: number) => {
    [stepMs, steps, flushMs, backend.runs] = [0, 0, 0, 0];
    const end = performance.now() + RECORDING_MS / 2;
    while (steps < limit && (steps < STEPS || performance.now() < end)) {
      const start = clock();
      trainer.step(batch);
      stepMs += clock() - start;
      steps++;
      await trainer.readings(); // outside the clock: waits for the GPU
    }
  };
  await half(RECORDED_STEPS / 2);
  await half(RECORDED_STEPS / 2);
  const { runs } = backend;
  trainer.dispose();
  model.dispose();
  const each = 1000 / runs;
  return {
    dispatches: Math.round(runs / steps),
    recording: (stepMs - flushMs) * each,
    submitting: flushMs * each,
  };
}
