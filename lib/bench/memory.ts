// This module is browser compatible.
/** How much memory a training step takes at most, and how its cost grows. */

import type { Backend } from "../backend/backend.ts";
import { uploadBatch } from "../models/device_batch.ts";
import { scope } from "../scope.ts";
import { ObservedBackend } from "./observed_backend.ts";
import { median } from "./race.ts";
import { stepTrainer } from "./step.ts";
import { STEP_WORK, stepBatch, type StepWork } from "./step_work.ts";

/** What a training step held. Bytes. */
export interface StepMemory {
  /** The most at any moment. */
  readonly peak: number;
  /** What the backward walk needs of the forward: alive when the forward has ended. */
  readonly activations: number;
  /** Weights, running statistics included. */
  readonly parameters: number;
  /** One for each trained number. */
  readonly gradients: number;
  /** Adam's moments and small things beside them. */
  readonly optimiser: number;
  /** `peak` over the sum of the others: how much was held that need not be. */
  readonly ratio: number;
}

/** Counts a step's memory by following every allocation. */
export function measureStepMemory(inner: Backend, work: StepWork): StepMemory {
  const backend = new ObservedBackend(inner);
  const { model, trainer } = stepTrainer(backend, work);
  const persistent = backend.bytes;
  const parameters = model.parameters.all.reduce((sum, { tensor }) => sum + 4 * tensor.length, 0);
  const gradients = 4 * model.parameters.count;
  const batch = stepBatch(work);
  backend.peakBytes = persistent;
  let afterForward = 0;
  scope(() => { // as Trainer.step does, with a look at the end of the forward
    const onDevice = uploadBatch(backend, batch);
    trainer.update(() => {
      const loss = model.loss(onDevice, { training: true, alphaC: 1, dropoutSeed: 1 });
      afterForward = backend.bytes;
      return loss;
    });
  });
  backend.flush();
  const peak = backend.peakBytes;
  trainer.dispose();
  model.dispose();
  const activations = afterForward - persistent;
  const optimiser = persistent - parameters;
  const ratio = peak / (activations + persistent + gradients);
  return { peak, activations, parameters, gradients, optimiser, ratio };
}

/** A step's cost at one size. */
export interface CostPoint {
  readonly work: StepWork;
  /** Times the cost of a standard step that a linear law predicts for the part that grows, in pictures or words. */
  readonly units: number;
  readonly ms: number;
  readonly peak: number;
}

/** Points along one quantity, the others as in the standard step. */
export interface CostLine {
  readonly quantity: "batch" | "image area" | "words";
  readonly points: readonly CostPoint[];
}

const STEPS = 3;

/** Measures how a step's time and memory grow with the batch, the pictures' area and the words. */
export async function measureCost(backend: Backend): Promise<CostLine[]> {
  const lines: [CostLine["quantity"], StepWork[], (work: StepWork) => number][] = [
    ["batch", [4, 8, 16, 32].map((batch) => ({ ...STEP_WORK, batch })), (work) => work.batch],
    ["image area", [32, 64, 96, 128].map((size) => ({ ...STEP_WORK, size })), (work) => work.size ** 2],
    ["words", [7, 12, 22, 42].map((ids) => ({ ...STEP_WORK, ids })), (work) => work.ids - 2],
  ];
  const result: CostLine[] = [];
  for (const [quantity, works, unitsOf] of lines) {
    const points: CostPoint[] = [];
    for (const work of works) points.push({ work, units: unitsOf(work), ...await costOf(backend, work) });
    result.push({ quantity, points });
  }
  return result;
}

async function costOf(backend: Backend, work: StepWork): Promise<{ ms: number; peak: number }> {
  const { peak } = measureStepMemory(backend, work);
  const { model, trainer } = stepTrainer(backend, work);
  const batch = stepBatch(work);
  const times: number[] = [];
  for (let i = 0; i < STEPS + 1; i++) {
    const start = performance.now();
    trainer.step(batch);
    await trainer.readings();
    if (i > 0) times.push(performance.now() - start);
  }
  trainer.dispose();
  model.dispose();
  return { ms: median(times), peak };
}
