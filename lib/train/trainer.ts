// This module is browser compatible.
import { copyKernel } from "../../kernels/elementwise.ts";
import { Forward } from "../autograd.ts";
import { cutRows, type RowRange } from "../data/parts.ts";
import { type BatchPart, cutBatch } from "../models/batch_parts.ts";
import type { CaptionModel } from "../models/caption_model.ts";
import { type HostBatch, uploadBatch } from "../models/device_batch.ts";
import type { Parameter } from "../nn/parameters.ts";
import { scale } from "../ops/mod.ts";
import { hash32 } from "../random.ts";
import { scope, tensorsIn } from "../scope.ts";
import { Tensor } from "../tensor.ts";
import { type StepLoss, type StepSum, sumOfPasses } from "./passes.ts";
import { Mover } from "./mover.ts";
import type { Recipe } from "./recipe.ts";
import { learningRateAt, Plateau, type PlateauState, samplingAt } from "./schedule.ts";
import type { Team } from "./team.ts";

export type { Recipe } from "./recipe.ts";

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
  /** Makes the loss, walks back, and moves the model: see {@linkcode Trainer.update}. */
  finish(fn: (value: S) => StepLoss): void | Promise<void>;
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
  /** Processes that take each step together. Default: this one alone. */
  readonly team?: Team;
}

/** Numbers a step leaves in the ring: loss, cross entropy, norm; with a loss scale also that and the steps skipped. */
const SLOT = 5;

/** Separates the uses of a step's seed. */
const SAMPLING = 0x5a3b;

/** What a trainer remembers beside tensors, for checkpoints. */
export interface TrainerState {
  readonly plateau: PlateauState;
  /** What the learning rate is multiplied with beside schedule and plateau. */
  readonly rateScale: number;
}

/**
 * Takes training steps without waiting for any: losses gather in a ring on the device until they are read.
 *
 * What must be saved to go on: the model's tensors, {@linkcode Trainer.tensors}, {@linkcode Trainer.state} and the
 * number of steps.
 */
export class Trainer {
  readonly model: CaptionModel;
  /** Processes that take each step together; undefined where this one is alone. */
  readonly team: Team | undefined;
  /** What the learning rate is multiplied with beside schedule and plateau: less after a loss exploded. Default 1. */
  rateScale = 1;
  readonly #recipe: Recipe;
  readonly #mover: Mover;
  readonly #plateau: Plateau;
  /** [capacity, SLOT], a row for each step since the last reading. */
  readonly #ring: Tensor;
  readonly #capacity: number;
  readonly #accumulate: number;
  /** Learning rates of the unread steps. */
  #rates: number[] = [];

  /**
   * @throws {RangeError} If the recipe fine-tunes from a block that the encoder lacks.
   */
  constructor(model: CaptionModel, recipe: Recipe, options: TrainerOptions = {}) {
    const { capacity = 64, accumulate = 1, team } = options;
    this.model = model;
    this.#recipe = recipe;
    this.#mover = new Mover(model, recipe);
    this.#plateau = new Plateau(recipe);
    this.#capacity = capacity;
    this.#accumulate = accumulate;
    this.team = team;
    this.#ring = new Tensor(model.backend, [capacity, SLOT], { label: "loss ring" });
  }

  /** Steps taken so far; setting it resumes a run. */
  get steps(): number {
    return this.#mover.steps;
  }
  set steps(steps: number) {
    this.#mover.steps = steps;
  }

  /** Whether the next step trains nothing of the encoder: features made before it are those that it would make. */
  get encoderFrozen(): boolean {
    return this.#mover.encoderFrozen;
  }

  /** What it remembers between steps, as tensors with names. */
  get tensors(): Parameter[] {
    return this.#mover.tensors;
  }

  /** What it remembers beside tensors; setting it resumes a run. */
  get state(): TrainerState {
    return { plateau: this.#plateau.state, rateScale: this.rateScale };
  }
  set state({ plateau, rateScale }: TrainerState) {
    this.#plateau.state = plateau;
    this.rateScale = rateScale;
  }

  /** Steps that have not been read. */
  get unread(): number {
    return this.#rates.length;
  }

  /**
   * Forward, backward, clip, the optimiser's step.
   *
   * @param batch The step's batch; a team takes it together, each member its rows.
   * @returns A promise where the step waits for a GPU: a team adds up its gradients on the host.
   * @throws {RangeError} If the ring is full.
   */
  step(batch: HostBatch & { readonly held?: readonly RowRange[] }): void | Promise<void> {
    this.#refuseFullRing();
    const { rank, size } = this.team?.group ?? {};
    const ranges = cutRows(batch.lengths.length, { passes: this.#accumulate, rank, size });
    const passes = cutBatch(batch, ranges).map((part) => () => this.#scaled(this.#lossOf(part)));
    const parameters = this.#mover.prepare();
    return this.#sumUpAndMove(() => sumOfPasses(parameters, passes));
  }

  /** Adds a gradient up over the team, where there is one, and moves the model. */
  #sumUpAndMove(gradient: () => StepSum): void | Promise<void> {
    const team = this.team;
    if (!team) return scope(() => this.#move(gradient()));
    const sum = scope(gradient);
    const finish = () => {
      scope(() => this.#move(sum));
      for (const tensor of tensorsIn(sum)) tensor.dispose();
    };
    const summed = team.sum(sum);
    return summed ? summed.then(finish) : finish();
  }

  /** Runs the model over a part of the step's batch. */
  #lossOf(part: BatchPart): StepLoss {
    const { alphaC, labelSmoothing, scheduledSampling, seed } = this.#recipe;
    const dropoutSeed = hash32(seed, this.steps);
    const probability = scheduledSampling ? samplingAt(this.steps, scheduledSampling) : 0;
    const sampling = { probability, seed: hash32(seed, this.steps, SAMPLING) };
    const options = { training: true, alphaC, labelSmoothing, dropoutSeed, sampling, whole: part.whole };
    const run = () => this.model.loss(uploadBatch(this.model.backend, part), options);
    const { loss, crossEntropy } = this.team ? this.team.together(!part.borrowed, run) : run();
    if (!part.borrowed) return { loss, crossEntropy };
    return { loss: scale(loss, 0), crossEntropy: scale(crossEntropy, 0) };
  }

  /**
   * A step on any loss.
   *
   * @param fn Runs the model forwards and returns what is minimised, and what is reported as cross entropy; in a team
   * this process' part of both.
   * @returns As {@linkcode Trainer.step}.
   * @throws {RangeError} If the ring is full.
   */
  update(fn: () => StepLoss): void | Promise<void> {
    return this.begin(() => undefined).finish(fn);
  }

  /**
   * A step in two parts, for a loss that waits for something: the device works on the first meanwhile.
   *
   * @param fn The part of the forward pass that need not wait. What it returns is handed to the second part.
   * @throws {RangeError} If the ring is full.
   */
  begin<S>(fn: () => S): PendingStep<S> {
    this.#refuseFullRing();
    const forward = new Forward(this.#mover.prepare(), fn);
    this.model.backend.flush();
    return {
      finish: (end) => this.#finish(forward, end),
      dispose: () => forward.dispose(),
    };
  }

  #finish<S>(forward: Forward<S>, fn: (value: S) => StepLoss): void | Promise<void> {
    return this.#sumUpAndMove(() => {
      const { value, grads } = forward.finish((first) => this.#scaled(fn(first)));
      return { grads, ...value };
    });
  }

  /** A loss with its scale, where there is one. */
  #scaled({ loss, crossEntropy }: StepLoss): StepLoss {
    return { loss: this.#mover.lossScale?.scaled(loss) ?? loss, crossEntropy };
  }

  /** Moves the model against the gradients, and leaves the step's numbers in the ring. */
  #move({ grads, loss, crossEntropy }: StepSum): void {
    const rate = learningRateAt(this.steps, this.#recipe) * this.#plateau.state.scale * this.rateScale;
    const { lossScale } = this.#mover;
    const row = this.unread * SLOT;
    const note = (x: Tensor, at: number, from = 0) => {
      const slot = { count: 1, x_offset: from, y_offset: row + at };
      x.backend.run(copyKernel, { x: x.storage, y: this.#ring.storage }, slot);
    };
    if (lossScale) [0, 2].forEach((from, i) => note(lossScale.state, 3 + i, from)); // as this step found it
    const norm = this.#mover.move(grads, rate);
    [loss, crossEntropy, norm].forEach((x, i) => note(x, i));
    this.model.backend.flush();
    this.#rates.push(rate);
  }

  #refuseFullRing(): void {
    if (this.unread === this.#capacity) {
      throw new RangeError(`Cannot take a step: ${this.#capacity} losses are unread, call readings()`);
    }
  }

  /** What the steps since the last call reported; waits for them. Steps may be taken meanwhile. */
  async readings(): Promise<Reading[]> {
    const rates = this.#rates;
    const first = this.steps - rates.length;
    this.#rates = [];
    if (rates.length === 0) return [];
    const values = await this.#ring.read();
    return rates.map((learningRate, i) => {
      const [scaled, crossEntropy, gradNorm, lossScale, skipped] = values.subarray(i * SLOT, (i + 1) * SLOT);
      const step = { step: first + i + 1, crossEntropy, gradNorm, learningRate };
      if (!this.#mover.lossScale) return { ...step, loss: scaled };
      return { ...step, loss: scaled / lossScale, extra: { lossScale, skipped } };
    });
  }

  /** Learns from a validation, for schedules that watch them. @param score The higher the better. */
  observe(score: number): void {
    if (this.#recipe.schedule === "plateau") this.#plateau.observe(score);
  }

  /** Runs `fn` with the moving averages in place of the weights, where there are some: to validate and to save. */
  async withAverages<T>(fn: () => Promise<T>): Promise<T> {
    this.#mover.average?.swap();
    try {
      return await fn();
    } finally {
      this.#mover.average?.swap();
    }
  }

  dispose(): void {
    this.#mover.dispose();
    this.#ring.dispose();
  }
}
