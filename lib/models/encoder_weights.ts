// This module is browser compatible.
/** An encoder's weights from other people's files: whose names they have, and what pictures they were trained on. */

import type { FileTensor, SafetensorsFile } from "../data/safetensors.ts";
import { plainNames } from "../data/torch_names.ts";
import { DEFAULT_PREPROCESSING, type Preprocessing } from "../image/preprocess.ts";
import type { CaptionModel } from "./caption_model.ts";
import type { EncoderName, ModelConfig } from "./config.ts";
import { foreignNames } from "./foreign_names.ts";
import { loadParameters, readInfo } from "./model_file.ts";

/** Weights for an encoder, under our names. */
export interface EncoderWeights {
  /** The file, for messages. */
  readonly name: string;
  readonly encoder: EncoderName;
  /** Of the config that a model with them must have. */
  readonly variant?: ModelConfig["variant"];
  /** How the pictures that they were trained on were normalised. */
  readonly normalisation: Pick<Preprocessing, "mean" | "std">;
  /** In PyTorch's layout, by our name: "encoder.conv1.weight". */
  readonly tensors: ReadonlyMap<string, FileTensor>;
}

/** A name that each encoder's weights have, and one that says which ResNet or other network it is. */
const ANCHORS: Readonly<Record<string, readonly string[]>> = {
  resnet: ["conv1.weight", "layer1.0.conv1.weight", "layer4.0.conv1.weight"],
  mobilenet_v2: ["features.0.0.weight", "features.18.0.weight"],
  squeezenet1_0: ["features.0.weight", "features.12.squeeze.weight"],
  tiny: ["block1.conv.weight", "block4.conv.weight"],
};
/** The classifier of ImageNet (in a Sequential of all children the tenth), and a counter that nothing needs. */
const IGNORED = /^(fc|classifier|9)\.|\.num_batches_tracked$/;

/**
 * Finds an encoder's weights in a file: under torchvision's or timm's names, bare or behind any prefix (`module.`,
 * `encoder.`, `resnet.`), numbered by a Sequential, in Caffe's SqueezeNet, in keras-applications' MobileNetV2, or in a
 * model of ours. The classifier is left out.
 *
 * @param file Its tensors and metadata, and its name for errors.
 * @param encoder The encoder that it should be. Default: any that is known.
 * @throws {RangeError} If it holds no encoder, or another than the one wanted: the message names both.
 */
export function encoderTensors(
  { name, ...file }: SafetensorsFile & { readonly name: string },
  encoder?: EncoderName,
): EncoderWeights {
  const fail = (what: string) =>
    new RangeError(`Cannot start ${encoder ?? "an encoder"} with the weights of ${name}: ${what}`);
  const foreign = foreignNames(file.tensors);
  const plain = foreign?.tensors ?? plainNames(file.tensors);
  const found = foreign ? { encoder: foreign.encoder, prefix: "" } : identify(plain);
  if (!found) {
    const some = [...file.tensors.keys()].slice(0, 4).join(", ");
    throw fail(`it holds none of the encoders that are known; its tensors are ${some}, …`);
  }
  if (encoder !== undefined && found.encoder !== encoder) {
    throw fail(`they are of ${found.encoder}, choose --encoder ${found.encoder} or other weights`);
  }
  const { prefix } = found;
  const tensors = new Map<string, FileTensor>();
  for (const [key, tensor] of plain) {
    const rest = key.slice(prefix.length);
    if (key.startsWith(prefix) && !IGNORED.test(rest)) tensors.set(`encoder.${rest}`, tensor);
  }
  const ours = file.metadata.showtell === undefined ? undefined : readInfo(file, name).config;
  return {
    name,
    encoder: found.encoder,
    variant: foreign?.variant ?? ours?.variant,
    normalisation: foreign?.normalisation ?? ours?.preprocessing ?? DEFAULT_PREPROCESSING,
    tensors,
  };
}

/** Which encoder a file holds, and behind which prefix. */
function identify(
  tensors: ReadonlyMap<string, FileTensor>,
): { encoder: EncoderName; prefix: string } | undefined {
  for (const [family, anchors] of Object.entries(ANCHORS)) {
    const prefix = [...tensors.keys()].filter((key) => key.endsWith(anchors[0]))
      .map((key) => key.slice(0, -anchors[0].length))
      .find((prefix) =>
        (prefix === "" || prefix.endsWith(".")) && anchors.every((anchor) => tensors.has(prefix + anchor))
      );
    if (prefix === undefined) continue;
    return { encoder: family === "resnet" ? whichResnet(tensors, prefix) : family as EncoderName, prefix };
  }
}

/** By its bottlenecks and the length of its third layer. */
function whichResnet(tensors: ReadonlyMap<string, FileTensor>, prefix: string): EncoderName {
  const has = (name: string) => tensors.has(`${prefix}${name}.conv1.weight`);
  if (!tensors.has(`${prefix}layer1.0.conv3.weight`)) return has("layer3.2") ? "resnet34" : "resnet18";
  return has("layer3.23") ? "resnet152" : has("layer3.6") ? "resnet101" : "resnet50";
}

/** A config for the weights: their variant, and pictures normalised as they know them. */
export function configForWeights(
  config: ModelConfig,
  { variant, normalisation: { mean, std } }: EncoderWeights,
): ModelConfig {
  return { ...config, ...variant && { variant }, preprocessing: { ...config.preprocessing, mean, std } };
}

/**
 * Copies weights into a model's encoder.
 *
 * @throws {RangeError} If some are missing, too many, or have other shapes: all are named.
 */
export function loadEncoder(model: CaptionModel, weights: EncoderWeights): void {
  const parameters = model.parameters.all.filter(({ name }) => name.startsWith("encoder."));
  const known = new Set(parameters.map(({ name }) => name));
  const unknown = [...weights.tensors.keys()].filter((key) => !known.has(key));
  if (unknown.length > 0) {
    const some = unknown.slice(0, 4).map((key) => key.slice("encoder.".length)).join(", ");
    throw new RangeError(
      `Cannot start ${model.config.encoder} with the weights of ${weights.name}: it has no ${some}` +
        `${unknown.length > 4 ? ` and ${unknown.length - 4} more` : ""}`,
    );
  }
  loadParameters(parameters, weights.tensors, weights.name);
}
