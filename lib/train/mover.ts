// This module is browser compatible.
/** What moves a model: optimisers, one for each group of parameters, clipping, averages, the loss scale. */

import type { CaptionModel } from "../models/caption_model.ts";
import type { Parameter } from "../nn/parameters.ts";
import { Adam } from "../optim/adam.ts";
import { LossScale } from "../optim/loss_scale.ts";
import { MovingAverage } from "../optim/moving_average.ts";
import { GradientNorm, type Optimiser } from "../optim/optimiser.ts";
import { Sgd } from "../optim/sgd.ts";
import { Tensor } from "../tensor.ts";
import { type ParameterGroup, type TrainingGroups, trainingGroups } from "./groups.ts";
import type { Recipe } from "./recipe.ts";

/** Moves the parameters that a recipe trains, step after step. */
export class Mover {
  readonly lossScale: LossScale | undefined;
  readonly average: MovingAverage | undefined;
  readonly #model: CaptionModel;
  readonly #recipe: Recipe;
  readonly #plan: TrainingGroups;
  /** One for each group of the plan. */
  readonly #optimisers: readonly Optimiser[];
  readonly #norm: GradientNorm;
  #steps = 0;

  /**
   * Make it outside any scope.
   *
   * @throws {RangeError} If the recipe fine-tunes from a block that the encoder lacks.
   */
  constructor(model: CaptionModel, recipe: Recipe) {
    const { backend } = model;
    this.#model = model;
    this.#recipe = recipe;
    this.#plan = trainingGroups(model, recipe.learningRate, recipe);
    const { groups } = this.#plan;
    this.#optimisers = groups.map((group) => makeOptimiser(group, recipe));
    this.lossScale = recipe.precision === "f16" ? new LossScale(backend) : undefined;
    const count = groups.reduce((sum, { parameters }) => sum + parameters.length, 0);
    this.#norm = new GradientNorm(backend, count, this.lossScale?.state);
    const all = model.parameters.all.map(({ tensor }) => tensor);
    this.average = recipe.average ? new MovingAverage(all, recipe.average) : undefined;
  }

  /** Steps taken so far; setting it resumes a run. */
  get steps(): number {
    return this.#steps;
  }
  set steps(steps: number) {
    this.#steps = steps;
    this.#plan.groups.forEach(({ from }, i) => this.#optimisers[i].steps = Math.max(0, steps - from));
  }

  /** What it remembers between steps, as tensors with names: the optimisers' state, averages, the loss scale. */
  get tensors(): Parameter[] {
    const own = (name: string, tensor: Tensor, layout: Parameter["layout"] = "same"): Parameter => ({
      name,
      tensor,
      layout,
      trained: false,
    });
    const optimisers = this.#plan.groups.flatMap(({ parameters }, g) =>
      Object.entries(this.#optimisers[g].state).flatMap(([key, tensors]) =>
        tensors.map((tensor, i) => own(`optimiser.${key}.${parameters[i].name}`, tensor))
      )
    );
    const averages = (this.average?.averages ?? []).map((tensor, i) => {
      const { name, layout } = this.#model.parameters.all[i];
      return own(`average.${name}`, tensor, layout);
    });
    return [...optimisers, ...averages, ...this.lossScale ? [own("loss_scale", this.lossScale.state)] : []];
  }

  /** Whether the next step trains nothing of the encoder. */
  get encoderFrozen(): boolean {
    return this.#plan.frozenBlocks(this.steps) === this.#model.encoder.blocks.length;
  }

  /** Freezes what the next step does not train, and returns the parameters that it does. */
  prepare(): Tensor[] {
    this.#model.frozen = this.#plan.frozenBlocks(this.steps);
    return this.#plan.groups.filter(({ from }) => from <= this.steps)
      .flatMap(({ parameters }) => parameters.map(({ tensor }) => tensor));
  }

  /**
   * Moves the parameters that {@linkcode Mover.prepare} returned.
   *
   * @param grads One for each; of the scaled loss where there is a loss scale.
   * @returns The norm of the true gradients before clipping, shape []: not finite where the step was skipped.
   */
  move(grads: readonly Tensor[], learningRate: number): Tensor {
    const { clipNorm, clipValue } = this.#recipe;
    const { norm, factor } = this.#norm.measure(grads, clipNorm || undefined);
    let at = 0;
    this.#plan.groups.forEach(({ from, rate, parameters }, i) => {
      if (from > this.steps) return;
      const own = grads.slice(at, at += parameters.length);
      const options = { learningRate: rate * learningRate, factor, clipValue: clipValue || undefined };
      this.#optimisers[i].apply(own, options);
    });
    this.lossScale?.update(factor);
    factor.dispose();
    this.#steps++;
    this.average?.update(this.#steps);
    return norm;
  }

  dispose(): void {
    for (const part of [...this.#optimisers, this.#norm, this.lossScale, this.average]) part?.dispose();
  }
}

function makeOptimiser({ parameters }: ParameterGroup, recipe: Recipe): Optimiser {
  const { optimiser = "adam", beta1, beta2, momentum, weightDecay } = recipe;
  const tensors = parameters.map(({ tensor }) => tensor);
  if (optimiser === "sgd") return new Sgd(tensors, { momentum, weightDecay });
  return new Adam(tensors, { beta1, beta2, weightDecay, decoupled: optimiser === "adamw" });
}
