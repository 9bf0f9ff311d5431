// This module is browser compatible.
/** What a recipe costs: its model's sizes, and a few real steps on pictures of no meaning. */

import type { Backend } from "../backend/backend.ts";
import { CountingBackend } from "../bench/counting_backend.ts";
import { stepBatch } from "../bench/step_work.ts";
import { CaptionModel } from "../models/caption_model.ts";
import type { ModelConfig } from "../models/config.ts";
import { isInBlock } from "../models/encoder.ts";
import type { Parameter } from "../nn/parameters.ts";
import { trainingGroups } from "./groups.ts";
import type { Recipe } from "./recipe.ts";
import { Trainer } from "./trainer.ts";

/** What is to be explained. */
export interface ExplainedRun {
  readonly config: ModelConfig;
  readonly recipe: Recipe;
  /** Pictures in a step. */
  readonly batch: number;
  /** V. */
  readonly words: number;
  /** Ids of a caption, start and end included. */
  readonly captionLength: number;
}

/** A part of the model. */
export interface ExplainedPart {
  /** "encoder.layer2", "decoder.lstm". */
  readonly name: string;
  /** Tensors by the last part of their names; none for an encoder's blocks, which have too many. */
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  /** Numbers that training changes, or would if it were not frozen. */
  readonly parameters: number;
  /** The first step that trains it; undefined: none does. */
  readonly trainedFrom: number | undefined;
}

/** What steps cost from one step on. */
export interface ExplainedPhase {
  /** The first step. */
  readonly from: number;
  readonly trained: number;
  /** Floating point operations of a step of `batch` pictures; a multiply-add is two. */
  readonly operations: number;
  /** Bytes at most in a step of `batch` pictures. */
  readonly memory: number;
  readonly msPerStep: number;
  /** Pictures of the steps that were timed; msPerStep and memory are in proportion where it is not the batch. */
  readonly measuredBatch: number;
}

/** All of it. */
export interface Explanation {
  readonly parts: readonly ExplainedPart[];
  readonly parameters: number;
  /** [P, D], what the decoder looks at. */
  readonly features: readonly [positions: number, channels: number];
  /** Bytes: weights, and what the optimiser remembers. */
  readonly weights: number;
  readonly optimiser: number;
  /** One, or two where the encoder begins later. */
  readonly phases: readonly ExplainedPhase[];
}

/** Pictures of the first steps: two, since a batch norm needs more than one. */
const FEW = 2;
/** A whole batch is timed where it is expected to take no longer, in milliseconds. */
const PATIENCE_MS = 5000;

/** Builds the model at random and takes a few steps; all is freed again. */
export async function explainRun(backend: Backend, run: ExplainedRun): Promise<Explanation> {
  const { config, recipe, words } = run;
  const counting = new CountingBackend(backend);
  const model = new CaptionModel(counting, config, { words, activations: recipe.precision });
  const weights = counting.bytes;
  const trainer = new Trainer(model, recipe);
  const optimiser = counting.bytes - weights;
  try {
    const { groups } = trainingGroups(model, recipe.learningRate, recipe);
    const begins = [...new Set(groups.map(({ from }) => from))];
    const phases: ExplainedPhase[] = [];
    for (const from of begins) {
      const active = groups.filter((group) => group.from <= from).flatMap(({ parameters }) => parameters);
      trainer.steps = from;
      phases.push({ from, trained: sizeOf(active), ...await measure(trainer, counting, run) });
    }
    const { positions, channels } = model.encoder;
    return {
      parts: partsOf(model, groups),
      parameters: model.parameters.count,
      features: [positions, channels],
      weights,
      optimiser,
      phases,
    };
  } finally {
    trainer.dispose();
    model.dispose();
  }
}

/** Times steps of few pictures, and of a whole batch where that takes not too long. */
async function measure(trainer: Trainer, counting: CountingBackend, run: ExplainedRun) {
  const { config, batch, words, captionLength } = run;
  const persistent = counting.bytes;
  const steps = async (pictures: number) => {
    const { size } = config.preprocessing;
    const work = { batch: pictures, size, ids: captionLength, words };
    const host = stepBatch({ ...work, kind: "step", name: "explained" });
    const at = trainer.steps;
    let ms = Infinity;
    for (let i = 0; i < 2; i++) { // the first makes programs and pools
      [counting.operations, counting.peakBytes, trainer.steps] = [0, counting.bytes, at];
      const start = performance.now();
      await trainer.step(host);
      await trainer.readings();
      ms = Math.min(ms, performance.now() - start);
    }
    return { ms, operations: counting.operations, peak: counting.peakBytes };
  };
  const few = Math.min(FEW, batch);
  let measuredBatch = few;
  let found = await steps(few);
  if (few < batch && found.ms * batch / few <= PATIENCE_MS) {
    measuredBatch = batch;
    found = await steps(batch);
  }
  const times = batch / measuredBatch;
  return {
    operations: found.operations * times,
    memory: persistent + (found.peak - persistent) * times,
    msPerStep: found.ms * times,
    measuredBatch,
  };
}

/** Encoder blocks as a whole, and the decoder's layers. */
function partsOf(
  model: CaptionModel,
  groups: readonly { readonly parameters: readonly Parameter[]; readonly from: number }[],
): ExplainedPart[] {
  const all = model.parameters.trained;
  const from = (parameters: readonly Parameter[]) =>
    groups.find((group) => parameters.some((each) => group.parameters.some(({ name }) => name === each.name)))
      ?.from;
  const blocks = model.encoder.blocks.map((block): ExplainedPart => {
    const own = all.filter(({ name }) => isInBlock(name, block));
    return { name: `encoder.${block.name}`, shapes: {}, parameters: sizeOf(own), trainedFrom: from(own) };
  });
  const layers = new Map<string, Parameter[]>();
  for (const parameter of all) {
    if (!parameter.name.startsWith("decoder.")) continue;
    const layer = parameter.name.slice(0, parameter.name.lastIndexOf("."));
    layers.set(layer, [...layers.get(layer) ?? [], parameter]);
  }
  const decoder = [...layers].map(([name, own]): ExplainedPart => ({
    name,
    shapes: Object.fromEntries(own.map((each) => [each.name.slice(name.length + 1), each.tensor.shape])),
    parameters: sizeOf(own),
    trainedFrom: from(own),
  }));
  return [...blocks, ...decoder];
}

function sizeOf(parameters: readonly Parameter[]): number {
  return parameters.reduce((sum, { tensor }) => sum + tensor.length, 0);
}
