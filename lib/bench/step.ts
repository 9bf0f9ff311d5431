// This module is browser compatible.
/** Our training step, ready to be timed. */

import type { Backend } from "../backend/backend.ts";
import { CpuBackend } from "../backend/cpu.ts";
import { CaptionModel } from "../models/caption_model.ts";
import { type Reading, Trainer } from "../train/trainer.ts";
import type { Runner } from "./contestant.ts";
import { PoisonedBackend } from "./poisoned_backend.ts";
import { benchConfig, STEP_RECIPE, STEP_WORK, stepBatch, type StepWork } from "./step_work.ts";

/** Share of its units that dropout sets to zero in the measured step. */
const DROPOUT = 0.5;
/** Readings of trusted and tested steps may differ so much, relatively. */
const TOLERANCE = 2e-5;
/** The same where maps are stored in 11 bits: norms are off by 1e-3. */
const HALF_TOLERANCE = 4e-3;
/** The step that is checked: small, since plain loops in f64 take it too. */
const CHECKED: StepWork = { ...STEP_WORK, batch: 2, size: 32, ids: 4, words: 64 };

/** A trainer of the measured model. Dispose of both. */
export function stepTrainer(backend: Backend, work: StepWork): { model: CaptionModel; trainer: Trainer } {
  const precision = backend.halves ? "f16" : "f32";
  const model = new CaptionModel(backend, benchConfig(work.size, DROPOUT), {
    words: work.words,
    activations: precision,
  });
  return { model, trainer: new Trainer(model, { ...STEP_RECIPE, precision }) };
}

/** Makes the training step ready: forward, backward, clip, Adam, the batch uploaded anew each time. */
export function prepareStep(backend: Backend, work: StepWork): Runner {
  const { model, trainer } = stepTrainer(backend, work);
  const batch = stepBatch(work);
  const readings: Reading[] = [];
  return {
    async run(times) {
      for (let i = 0; i < times; i++) {
        if (trainer.unread === 32) readings.push(...await trainer.readings());
        trainer.step(batch);
      }
      readings.push(...await trainer.readings());
    },
    async check() {
      const bad = readings.find(({ loss, gradNorm }) => !Number.isFinite(loss) || !Number.isFinite(gradNorm));
      if (bad) return `the loss of step ${bad.step} is ${bad.loss}, its gradients' norm ${bad.gradNorm}`;
      if (readings.length > 5 && !(readings.at(-1)!.loss < readings[0].loss)) {
        return `the loss does not fall: ${readings[0].loss} at first, ${readings.at(-1)!.loss} in the end`;
      }
      return await compareWithTwins(backend);
    },
    dispose() {
      trainer.dispose();
      model.dispose();
    },
  };
}

let trusted: Promise<Reading[]> | undefined;

/** Three steps of a small batch here, and in f64 by the kernels' twins: every kernel's fault shows in the losses. */
async function compareWithTwins(backend: Backend): Promise<string | undefined> {
  const want = await (trusted ??= smallSteps(new CpuBackend()));
  const got = await smallSteps(new PoisonedBackend(backend));
  const tolerance = backend.halves ? HALF_TOLERANCE : TOLERANCE;
  for (const [i, { step, loss, gradNorm }] of got.entries()) {
    const near = (value: number, right: number) => Math.abs(value - right) <= tolerance * Math.abs(right);
    if (near(loss, want[i].loss) && near(gradNorm, want[i].gradNorm)) continue;
    return `step ${step} has loss ${loss} and norm ${gradNorm}, ${want[i].loss} and ${
      want[i].gradNorm
    } are right`;
  }
}

async function smallSteps(backend: Backend): Promise<Reading[]> {
  const { model, trainer } = stepTrainer(backend, CHECKED);
  const batch = stepBatch(CHECKED);
  try {
    for (let i = 0; i < 3; i++) trainer.step(batch);
    return await trainer.readings();
  } finally {
    trainer.dispose();
    model.dispose();
  }
}
