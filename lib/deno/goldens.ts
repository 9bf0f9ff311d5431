// This module runs in Deno only.
/** Reads a folder of PyTorch goldens and checks every case of it on a device. */

import type { Backend } from "../backend/backend.ts";
import type { FileTensor } from "../data/safetensors.ts";
import type { VerifiedCase } from "../verify/report.ts";
import { type DecodingGolden, verifyDecoding } from "../verify/verify_decoding.ts";
import { type OpGolden, verifyOp } from "../verify/verify_ops.ts";
import { type TrainingGolden, verifyTraining } from "../verify/verify_training.ts";
import { readSafetensors } from "./model_disk.ts";

/** Groups of goldens, each a part of the folder. */
export const GOLDEN_GROUPS = ["ops", "train", "decode"] as const;

const DECODERS = ["attend", "show_tell"];
const HINT = "name a folder that make_goldens.py wrote";

/**
 * Checks goldens on one device, reporting each case as it is done.
 *
 * @param groups Default: all of them.
 * @throws {Error} If the folder or a file in it is missing.
 */
export async function* verifyGoldens(
  backend: Backend,
  dir: string,
  groups: readonly (typeof GOLDEN_GROUPS)[number][] = GOLDEN_GROUPS,
): AsyncGenerator<VerifiedCase> {
  if (groups.includes("ops")) {
    for (const name of await opNames(dir)) {
      const golden = await readJson<OpGolden>(`${dir}/ops/${name}.json`);
      yield* await verifyOp(backend, golden, await tensorsOf(`${dir}/ops/${name}`));
    }
  }
  for (const decoder of DECODERS) {
    const folder = `${dir}/train_${decoder}`;
    if (groups.includes("train")) {
      yield* await verifyTraining(backend, await readJson<TrainingGolden>(`${folder}/results.json`), {
        initialWeights: await tensorsOf(`${folder}/initial_weights`),
        batches: await tensorsOf(`${folder}/batches`),
        firstStep: await tensorsOf(`${folder}/first_step`),
      });
    }
    if (groups.includes("decode")) {
      const golden = await readJson<DecodingGolden>(`${dir}/decode/${decoder}.json`);
      const { vocabulary } = await readJson<{ vocabulary: number }>(`${dir}/decode/${decoder}_weights.json`);
      yield* await verifyDecoding(backend, golden, {
        weights: await tensorsOf(`${dir}/decode/${decoder}_weights`),
        tensors: await tensorsOf(`${dir}/decode/${decoder}`),
        words: vocabulary,
      });
    }
  }
}

async function opNames(dir: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(`${dir}/ops`)) {
      if (name.endsWith(".json")) names.push(name.slice(0, -".json".length));
    }
  } catch (error) {
    throw new Error(`Cannot verify ${dir}: its folder "ops" cannot be read, ${HINT}`, { cause: error });
  }
  return names.sort();
}

async function tensorsOf(path: string): Promise<ReadonlyMap<string, FileTensor>> {
  return (await readSafetensors(`${path}.safetensors`, HINT)).tensors;
}

async function readJson<T>(path: string): Promise<T> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    throw new Error(`Cannot read ${path}: it is missing, ${HINT}`, { cause: error });
  }
  try {
    return JSON.parse(text) as T; // written by make_goldens.py
  } catch (error) {
    throw new SyntaxError(`Cannot read ${path}: it is not JSON, ${HINT}`, { cause: error });
  }
}
