// This module is browser compatible.
/** A checkpoint: a model file with the optimiser's state and where the run stands. */

import type { SafetensorsFile } from "../data/safetensors.ts";
import {
  loadParameters,
  type ModelInfo,
  modelToFile,
  parameterToFile,
  readInfo,
} from "../models/model_file.ts";
import { sha256 } from "../data/sha256.ts";
import type { RunState } from "./run_state.ts";
import { dependsOnLength, type Schedule } from "./schedule.ts";
import type { Trainer, TrainerState } from "./trainer.ts";

export type { RunState } from "./run_state.ts";

/** What a recipe that names no features was trained on: pixels. */
const PIXELS = { features: "exact" };

/** The file of a run as it stands. */
export async function checkpointToFile(
  trainer: Trainer,
  info: ModelInfo,
  state: RunState,
): Promise<SafetensorsFile> {
  const file = await modelToFile(trainer.model, info);
  const tensors = new Map(file.tensors);
  await Promise.all(
    trainer.tensors.map(async (parameter) => {
      tensors.set(parameter.name, await parameterToFile(parameter));
    }),
  );
  return {
    metadata: { ...file.metadata, run: JSON.stringify({ ...state, trainer: trainer.state }) },
    tensors,
  };
}

/**
 * Puts a run where a checkpoint left it: weights, optimisers, averages, schedule, step.
 *
 * @param expected What the run is started with: data, words and recipe must be the checkpoint's.
 * @param name The file's name, for errors.
 * @throws {RangeError} If it is of other data, another vocabulary or another recipe: both sides are named, data and
 * words by their SHA-256. A longer run is another recipe only where the learning rate depends on the length.
 */
export async function resumeFrom(
  trainer: Trainer,
  file: SafetensorsFile,
  { expected, name }: { readonly expected: ModelInfo; readonly name: string },
): Promise<RunState> {
  const found = readInfo(file, name);
  const refuse = (what: string, theirs: string, ours: string) => {
    throw new RangeError(
      `Cannot resume from ${name}: it was trained with ${what} ${theirs}, this run has ${ours}; ` +
        `use the same data and flags, or another --out to start anew`,
    );
  };
  if (found.dataHash !== expected.dataHash) refuse("the data", found.dataHash, expected.dataHash);
  const [theirWords, ourWords] = await Promise.all([found, expected].map(describeWords));
  if (theirWords !== ourWords) refuse("the vocabulary", theirWords, ourWords);
  const [theirs, ours] = [found, expected].map((side) => ({ ...PIXELS, ...side.config, ...side.recipe }));
  const lengthMatters = dependsOnLength(expected.recipe as unknown as Schedule); // it was made by trainingRecipe
  const said = (side: Readonly<Record<string, unknown>>, key: string) =>
    JSON.stringify(side[key]) ?? "nothing";
  for (const key of new Set([...Object.keys(ours), ...Object.keys(theirs)])) { // what is off is in neither
    if (key === "steps" && !lengthMatters) continue; // no step depends on it
    if (key === "rollbacks") continue; // what became of the run, no part of its recipe
    if (said(theirs, key) !== said(ours, key)) refuse(key, said(theirs, key), said(ours, key));
  }
  if (file.metadata.run === undefined) {
    throw new SyntaxError(`Cannot resume from ${name}: it is a model, not a checkpoint (it has no "run")`);
  }
  loadParameters([...trainer.model.parameters.all, ...trainer.tensors], file.tensors, name);
  const { trainer: trained, ...state }: RunState & { trainer?: TrainerState } = JSON.parse(file.metadata.run);
  trainer.steps = state.step;
  if (trained) trainer.state = trained;
  return state;
}

async function describeWords({ words }: ModelInfo): Promise<string> {
  return `${await sha256(words.join("\n"))} (${words.length} words)`;
}
