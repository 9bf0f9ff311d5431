// This module is browser compatible.
/** One file is the model: weights, and in its metadata everything else that captioning needs. */

import type { Backend } from "../backend/backend.ts";
import { type FileTensor, type SafetensorsFile } from "../data/safetensors.ts";
import type { Parameter } from "../nn/parameters.ts";
import type { WordSource } from "../data/dataset.ts";
import { Vocabulary } from "../text/vocabulary.ts";
import { CaptionModel, type ModelOptions } from "./caption_model.ts";
import { infoProblems } from "./check_info.ts";
import type { ModelConfig } from "./config.ts";

/** Version of the metadata's layout. */
export const MODEL_FORMAT = 1;

/** What a model file says beside its weights. */
export interface ModelInfo {
  readonly config: ModelConfig;
  /** Words without the four special ones. */
  readonly words: readonly string[];
  /** How captions were split into words. */
  readonly wordSource: WordSource;
  /** What was used to train: options by name. */
  readonly recipe: Readonly<Record<string, unknown>>;
  /** Steps trained. */
  readonly step: number;
  /** Scores on held-out pictures, by name. */
  readonly scores: Readonly<Record<string, number>>;
  /** SHA-256 of the training data. */
  readonly dataHash: string;
}

/** A model that is ready to caption. */
export interface LoadedModel {
  readonly model: CaptionModel;
  readonly vocabulary: Vocabulary;
  readonly info: ModelInfo;
}

/** The file of a model: reads its weights from the device. */
export async function modelToFile(model: CaptionModel, info: ModelInfo): Promise<SafetensorsFile> {
  const tensors = new Map<string, FileTensor>();
  await Promise.all(model.parameters.all.map(async (parameter) => {
    tensors.set(parameter.name, await parameterToFile(parameter));
  }));
  return { metadata: { showtell: JSON.stringify({ format: MODEL_FORMAT, ...info }) }, tensors };
}

/**
 * Builds the model that a file holds.
 *
 * @param name The file's name, for errors.
 * @param stored How the device stores it. Default: in f32.
 * @throws {SyntaxError} If it is no model of ours, of another format, or damaged: all that is wrong is named.
 * @throws {RangeError} If tensors are missing or have other shapes: all are named.
 */
export function modelFromFile(
  backend: Backend,
  file: SafetensorsFile,
  name: string,
  stored: Pick<ModelOptions, "activations" | "weights"> = {},
): LoadedModel {
  const info = readInfo(file, name);
  const vocabulary = new Vocabulary(info.words);
  const model = new CaptionModel(backend, info.config, { words: vocabulary.size, seed: null, ...stored });
  try {
    loadParameters(model.parameters.all, file.tensors, name);
  } catch (error) {
    model.dispose();
    throw error;
  }
  return { model, vocabulary, info };
}

/** What the metadata say, checked. */
export function readInfo(file: SafetensorsFile, name: string): ModelInfo {
  const text = file.metadata.showtell;
  if (text === undefined) {
    throw new SyntaxError(
      `Cannot load ${name}: it is a safetensors file, but not a Showtell model (its metadata have no "showtell")`,
    );
  }
  let info: unknown;
  try {
    info = JSON.parse(text);
  } catch (error) {
    throw new SyntaxError(`Cannot load ${name}: its "showtell" metadata are not JSON`, { cause: error });
  }
  const fields = Object(info) as Readonly<Record<string, unknown>>;
  if (fields.format !== MODEL_FORMAT) {
    throw new SyntaxError(
      `Cannot load ${name}: its format is ${fields.format}, this version reads ${MODEL_FORMAT}, train it again ` +
        `or use the version that wrote it`,
    );
  }
  const problems = infoProblems(fields);
  if (problems.length > 0) {
    throw new SyntaxError(
      `Cannot load ${name}: its "showtell" metadata do not describe a model this version can build: ${
        problems.join("; ")
      }`,
    );
  }
  return info as ModelInfo; // just checked
}

/** A parameter as a file holds it: a convolution's weight in PyTorch's order. */
export async function parameterToFile({ tensor, layout }: Parameter): Promise<FileTensor> {
  const values = Float32Array.from(await tensor.read());
  if (layout === "same") return { dtype: "F32", shape: tensor.shape, data: values };
  const [h, w, inputs, outputs] = tensor.shape;
  return { dtype: "F32", shape: [outputs, inputs, h, w], data: hwioToOihw(values, tensor.shape) };
}

/**
 * Copies tensors of a file into parameters.
 *
 * @param name The file's name, for errors.
 * @throws {RangeError} If some are missing or have other shapes: all are named.
 */
export function loadParameters(
  parameters: readonly Parameter[],
  tensors: ReadonlyMap<string, FileTensor>,
  name: string,
): void {
  const problems: string[] = [];
  for (const { name: key, tensor, layout } of parameters) {
    const [h, w, inputs, outputs] = tensor.shape;
    const expected = layout === "conv" ? [outputs, inputs, h, w] : tensor.shape;
    const found = tensors.get(key);
    if (!found) problems.push(`${key} is missing`);
    else if (found.shape.join() !== expected.join()) {
      problems.push(`${key} is [${found.shape.join(", ")}], should be [${expected.join(", ")}]`);
    } else if (!/^B?F/.test(found.dtype)) problems.push(`${key} holds ${found.dtype}, should hold F32`);
  }
  if (problems.length > 0) {
    throw new RangeError(`Cannot load ${name}: its tensors do not fit the model: ${problems.join("; ")}`);
  }
  for (const { name: key, tensor, layout } of parameters) {
    const { data: found } = tensors.get(key)!;
    const values = found instanceof Float32Array ? found : Float32Array.from(found as Float64Array);
    const data = layout === "conv" ? oihwToHwio(values, tensor.shape) : values;
    tensor.backend.write(tensor.storage, data);
  }
}

/** [h, w, I, O] → [O, I, h, w]. */
function hwioToOihw(values: ArrayLike<number>, [h, w, I, O]: readonly number[]): Float32Array {
  const result = new Float32Array(values.length);
  for (let hw = 0; hw < h * w; hw++) {
    for (let i = 0; i < I; i++) {
      for (let o = 0; o < O; o++) result[(o * I + i) * h * w + hw] = values[(hw * I + i) * O + o];
    }
  }
  return result;
}

/** [O, I, h, w] → [h, w, I, O], the shape given. */
function oihwToHwio(values: ArrayLike<number>, [h, w, I, O]: readonly number[]): Float32Array {
  const result = new Float32Array(values.length);
  for (let hw = 0; hw < h * w; hw++) {
    for (let i = 0; i < I; i++) {
      for (let o = 0; o < O; o++) result[(hw * I + i) * O + o] = values[(o * I + i) * h * w + hw];
    }
  }
  return result;
}
