// This module runs in Deno only.
/** The weights that an encoder starts from: by name, as `download` has fetched them, or in a file of your own. */

import { parseWeights } from "../data/torch_state.ts";
import { WEIGHTS, weightsPath } from "../data/weight_sources.ts";
import type { EncoderName, ModelConfig } from "../models/config.ts";
import { configForWeights, encoderTensors, type EncoderWeights } from "../models/encoder_weights.ts";
import { baseName } from "./download_archive.ts";
import { readBytes } from "./model_disk.ts";

/** The flag. */
export const WEIGHTS_OPTION = {
  weights: {
    placeholder: "FILE|NAME|none",
    description: "what the encoder starts from: a name known to `download --weights`, safetensors or .pth",
  },
} as const;

/**
 * Reads an encoder's weights.
 *
 * @param weights A name known to `download --weights`, or a file: safetensors, or PyTorch's in either form.
 * @throws {Error} If they are not there or cannot be read.
 * @throws {RangeError} If they are of another encoder.
 */
export async function readEncoderWeights(
  weights: string,
  { data, encoder }: { readonly data: string; readonly encoder: EncoderName },
): Promise<EncoderWeights> {
  const known = WEIGHTS.has(weights);
  const path = known ? weightsPath(data, weights) : weights;
  const hint = known
    ? `run \`deno task download --weights ${weights}\` first`
    : "name a file, or weights that `deno task download --weights NAME` knows";
  const file = parseWeights(await readBytes(path, hint), path);
  return encoderTensors({ ...file, name: path }, encoder);
}

/** What weights change in a plan: the config, the pictures that the data are packed for, and what the recipe says. */
export interface WeightsPlan<Plan> {
  readonly plan: Plan;
  /** For loadEncoder; undefined where the encoder starts at random. */
  readonly weights?: EncoderWeights;
  /** For the model file's recipe. */
  readonly recipe: { readonly weights?: string };
}

/**
 * A plan whose encoder starts from the weights that a flag names: pictures are normalised as the weights know them.
 *
 * Throws as {@linkcode readEncoderWeights} does.
 */
export async function planWithWeights<
  Plan extends {
    readonly config: ModelConfig;
    readonly data: { readonly preprocessing: ModelConfig["preprocessing"] };
  },
>(
  plan: Plan,
  { weights: flag = "none", data }: { readonly weights?: string; readonly data: string },
): Promise<WeightsPlan<Plan>> {
  if (flag === "none") return { plan, recipe: {} };
  const weights = await readEncoderWeights(flag, { data, encoder: plan.config.encoder });
  const config = configForWeights(plan.config, weights);
  const { size } = plan.data.preprocessing; // larger than the model's, where parts are cut out
  const preprocessing = { ...config.preprocessing, size };
  const changed = { ...plan, config, data: { ...plan.data, preprocessing } };
  return { plan: changed, weights, recipe: { weights: baseName(flag) } };
}
