// This module is browser compatible.
/** A training step of the decoder alone, on features of a large CNN's size: what a real GPU is held to. */

import { valueAndGrad } from "../autograd.ts";
import type { Backend } from "../backend/backend.ts";
import { CpuBackend } from "../backend/cpu.ts";
import { attendDecoder } from "../models/attend.ts";
import { outputOf } from "../models/decoder.ts";
import type { DecoderSizes } from "../models/decoder.ts";
import { Parameters } from "../nn/parameters.ts";
import { crossEntropy } from "../ops/mod.ts";
import { Adam } from "../optim/adam.ts";
import { scope } from "../scope.ts";
import { type Tensor, tensor } from "../tensor.ts";
import { PAD } from "../text/vocabulary.ts";
import type { Runner } from "./contestant.ts";
import { PoisonedBackend } from "./poisoned_backend.ts";
import { STEP_RECIPE } from "./step_work.ts";

/** Sizes of a decoder's training step. */
export interface DecoderStepWork extends DecoderSizes {
  readonly kind: "decoder step";
  readonly name: string;
  /** Captions. */
  readonly batch: number;
  /** P, positions of the features. */
  readonly positions: number;
  /** T, words of each caption. */
  readonly steps: number;
}

/** "Show, Attend and Tell" on ResNet's features. */
export const DECODER_STEP_WORK: DecoderStepWork = {
  kind: "decoder step",
  name: "decoder training step",
  batch: 32,
  positions: 196,
  channels: 2048,
  hidden: 512,
  attention: 512,
  embedding: 512,
  words: 9490,
  steps: 20,
};

/** Losses of trusted and tested steps may differ so much, relatively. */
const TOLERANCE = 2e-5;
/** The same where half floats are stored. */
const HALF_TOLERANCE = 1e-3;
/** The step that is checked, in plain loops in f64 too. */
const CHECKED: DecoderStepWork = {
  ...DECODER_STEP_WORK,
  batch: 3,
  positions: 5,
  channels: 12,
  hidden: 16,
  attention: 8,
  embedding: 12,
  words: 40,
  steps: 3,
};

/** Makes the step ready: forward, backward, clip, Adam, no dropout. The features stay on the device. */
export function prepareDecoderStep(backend: Backend, work: DecoderStepWork): Runner {
  const trainer = new DecoderTrainer(backend, work);
  return {
    async run(times) {
      for (let i = 0; i < times; i++) trainer.step();
      await trainer.loss();
    },
    async check() {
      const loss = await trainer.loss();
      const most = Math.log(work.words) + 1;
      if (!(loss > 0 && loss < most)) return `the loss is ${loss}, at most about ${most} is right`;
      const want = await smallLoss(new CpuBackend());
      const got = await smallLoss(new PoisonedBackend(backend));
      if (Math.abs(got - want) <= (backend.halves ? HALF_TOLERANCE : TOLERANCE) * want) return;
      return `the loss after three small steps is ${got}, ${want} is right`;
    },
    dispose: () => trainer.dispose(),
  };
}

async function smallLoss(backend: Backend): Promise<number> {
  const trainer = new DecoderTrainer(backend, CHECKED);
  for (let i = 0; i < 3; i++) trainer.step();
  const loss = await trainer.loss();
  trainer.dispose();
  return loss;
}

class DecoderTrainer {
  readonly #parameters: Parameters;
  readonly #decoder: ReturnType<typeof attendDecoder>;
  readonly #adam: Adam;
  readonly #features: Tensor;
  readonly #inputs: Tensor;
  readonly #targets: Tensor;
  #loss: Tensor | undefined;

  constructor(backend: Backend, work: DecoderStepWork) {
    const { batch: B, positions: P, channels: D, steps: T, words } = work;
    this.#parameters = new Parameters(backend, 1);
    this.#decoder = attendDecoder(this.#parameters, work);
    this.#adam = new Adam(this.#parameters.trained.map(({ tensor }) => tensor));
    const values = Float32Array.from({ length: B * P * D }, (_, i) => (i * 7919 % 1009) / 504.5 - 1);
    this.#features = tensor(backend, values, {
      shape: [B, P, D],
      type: backend.halves ? "f16" : "f32",
      label: "features",
    });
    const ids = (shift: number) => {
      const data = Uint32Array.from({ length: T * B }, (_, i) => 4 + ((i + shift * B) * 31) % (words - 4));
      return tensor(backend, data, { shape: [T, B], type: "u32", label: "words" });
    };
    this.#inputs = ids(0);
    this.#targets = ids(1);
  }

  step(): void {
    this.#loss?.dispose();
    this.#loss = scope(() => {
      const { value, grads } = valueAndGrad(this.#adam.parameters, () => {
        const decoded = this.#decoder.read(this.#inputs, this.#decoder.begin(this.#features));
        return crossEntropy(this.#decoder.predict(outputOf(decoded)), this.#targets, { ignored: PAD });
      });
      const { learningRate, clipNorm } = STEP_RECIPE;
      this.#adam.step(grads, { learningRate, clipNorm });
      return value;
    });
    this.#features.backend.flush();
  }

  /** The latest step's; waits for it. */
  async loss(): Promise<number> {
    return this.#loss ? await this.#loss.item() : NaN;
  }

  dispose(): void {
    this.#adam.dispose();
    this.#parameters.dispose();
    for (const each of [this.#features, this.#inputs, this.#targets, this.#loss]) each?.dispose();
  }
}
