// This module is browser compatible.
import { copyKernel } from "../../kernels/elementwise.ts";
import { Forward } from "../autograd.ts";
import { cutRows } from "../data/parts.ts";
import { cutBatch } from "../models/batch_parts.ts";
import type { CaptionModel } from "../models/caption_model.ts";
import { type HostBatch, uploadBatch } from "../models/device_batch.ts";
import { Adam } from "../optim/adam.ts";
import { hash32 } from "../random.ts";
import { scope } from "../scope.ts";
import { Tensor } from "../tensor.ts";
import { type StepLoss, type StepSum, sumOfPasses } from "./passes.ts";
import { learningRateAt, type Schedule } from "./schedule.ts";

/** How a model is trained. */
export interface Recipe extends Schedule {
  /** Largest global norm of the gradients. */
  readonly clipNorm: number;
  /** Weight of the doubly stochastic attention term. */
  readonly alphaC: number;
  /** Names the run's random numbers. */
  readonly seed: number;
}

/** What one step reported. */
export interface Reading {
  /** Counted from 1. */
  readonly step: number;
  /** What was minimised. */
  readonly loss: number;
  /** Nats per word. */
  readonly crossEntropy: number;
  /** Norm of all gradients before clipping. Not finite: the step changed nothing. */
  readonly gradNorm: number;
  readonly learningRate: number;
  /** Further numbers of this step, by name, where the way of training has some. */
  readonly extra?: Readonly<Record<string, number>>;
}

/** A step whose loss is yet to come. End it one way or the other. */
export interface PendingStep<S> {
  /** Makes the loss, walks back, and moves the model. */
  finish(fn: (value: S) => StepLoss): void;
  /** Ends it without moving anything. */
  dispose(): void;
}

/** Options of a {@linkcode Trainer}. */
export interface TrainerOptions {
  /** Most steps between two calls of {@linkcode Trainer.readings}. Default 64. */
  readonly capacity?: number;
  /**
   * Passes in which a step goes through its batch, a part in each: the same gradient in less memory. Batch norm in
   * training sees only the part, as in PyTorch. Default 1.
   */
  readonly accumulate?: number;
}

/** Numbers a step leaves in the ring. */
const SLOT = 3;

/**
 * Takes training steps without waiting for any: losses gather in a ring on the device until they are read.
 *
 * The state is the model's tensors, Adam's moments and the number of steps: nothing else needs saving.
 */
export class Trainer {
  readonly model: CaptionModel;
  readonly adam: Adam;
  readonly #recipe: Recipe;
  /** [capacity, 3]: loss, cross entropy, norm of each step since the last reading. */
  readonly #ring: Tensor;
  readonly #capacity: number;
  readonly #accumulate: number;
  #unread = 0;

  constructor(model: CaptionModel, recipe: Recipe, { capacity = 64, accumulate = 1 }: TrainerOptions = {}) {
    this.model = model;
    this.adam = new Adam(model.parameters.trained.map(({ tensor }) => tensor));
    this.#recipe = recipe;
    this.#capacity = capacity;
    this.#accumulate = accumulate;
    this.#ring = new Tensor(model.backend, [capacity, SLOT], { label: "loss ring" });
  }

  /** Steps taken so far. */
  get steps(): number {
    return this.adam.steps;
  }

  /** Steps that have not been read. */
  get unread(): number {
    return this.#unread;
  }

  /**
   * Forward, backward, clip, Adam.
   *
   * @throws {RangeError} If the ring is full.
   */
  step(batch: HostBatch): void {
    this.#refuseFullRing();
    const { alphaC, seed } = this.#recipe;
    const dropoutSeed = hash32(seed, this.steps);
    const parts = cutBatch(batch, cutRows(batch.lengths.length, { passes: this.#accumulate }));
    const passes = parts.map((part) => () => {
      const onDevice = uploadBatch(this.model.backend, part);
      return this.model.loss(onDevice, { training: true, alphaC, dropoutSeed, whole: part.whole });
    });
    scope(() => this.#move(sumOfPasses(this.adam.parameters, passes)));
  }

  /**
   * A step on any loss.
   *
   * @param fn Runs the model forwards and returns what is minimised, and what is reported as cross entropy.
   * @throws {RangeError} If the ring is full.
   */
  update(fn: () => StepLoss): void {
    this.begin(() => undefined).finish(fn);
  }

  /**
   * A step in two parts, for a loss that waits for something: the device works on the first meanwhile.
   *
   * @param fn The part of the forward pass that need not wait. What it returns is handed to the second part.
   * @throws {RangeError} If the ring is full.
   */
  begin<S>(fn: () => S): PendingStep<S> {
    this.#refuseFullRing();
    const forward = new Forward(this.adam.parameters, fn);
    this.model.backend.flush();
    return {
      finish: (end) => this.#finish(forward, end),
      dispose: () => forward.dispose(),
    };
  }

  #finish<S>(forward: Forward<S>, fn: (value: S) => StepLoss): void {
    scope(() => {
      const { value, grads } = forward.finish((first) => {
        const { loss, crossEntropy } = fn(first);
        return { loss, crossEntropy };
      });
      this.#move({ grads, ...value });
    });
  }

  /** Moves the model against the gradients, and leaves the step's numbers in the ring. */
  #move({ grads, loss, crossEntropy }: StepSum): void {
    const { backend } = this.model;
    const { clipNorm } = this.#recipe;
    const norm = this.adam.step(grads, {
      learningRate: learningRateAt(this.steps, this.#recipe),
      clipNorm,
    });
    [loss, crossEntropy, norm].forEach((x, i) => {
      const slot = { count: 1, x_offset: 0, y_offset: this.#unread * SLOT + i };
      backend.run(copyKernel, { x: x.storage, y: this.#ring.storage }, slot);
    });
    backend.flush();
    this.#unread++;
  }

  #refuseFullRing(): void {
    if (this.#unread === this.#capacity) {
      throw new RangeError(`Cannot take a step: ${this.#capacity} losses are unread, call readings()`);
    }
  }

  /** What the steps since the last call reported; waits for them. Steps may be taken meanwhile. */
  async readings(): Promise<Reading[]> {
    const count = this.#unread;
    const last = this.steps;
    this.#unread = 0;
    if (count === 0) return [];
    const values = await this.#ring.read();
    return Array.from({ length: count }, (_, i) => {
      const step = last - count + i + 1;
      const [loss, crossEntropy, gradNorm] = values.subarray(i * SLOT, (i + 1) * SLOT);
      return { step, loss, crossEntropy, gradNorm, learningRate: learningRateAt(step - 1, this.#recipe) };
    });
  }

  dispose(): void {
    this.adam.dispose();
    this.#ring.dispose();
  }
}
