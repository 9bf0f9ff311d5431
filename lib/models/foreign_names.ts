// This module is browser compatible.
/** ImageNet weights that do not come from PyTorch: their names brought to torchvision's. */

import type { FileTensor } from "../data/safetensors.ts";
import type { Preprocessing } from "../image/preprocess.ts";
import type { EncoderName, ModelConfig } from "./config.ts";

/** What the names of a file say. */
export interface ForeignWeights {
  readonly encoder: EncoderName;
  readonly variant?: ModelConfig["variant"];
  readonly normalisation: Pick<Preprocessing, "mean" | "std">;
  /** Under torchvision's names, for pictures in red, green and blue. */
  readonly tensors: ReadonlyMap<string, FileTensor>;
}

/** Bytes less Caffe's means, in red, green and blue. */
const CAFFE: ForeignWeights["normalisation"] = {
  mean: [123 / 255, 117 / 255, 104 / 255],
  std: [1 / 255, 1 / 255, 1 / 255],
};
/** From -1 to 1. */
const KERAS: ForeignWeights["normalisation"] = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };

/** Where SqueezeNet's fire modules are in torchvision's list. */
const FIRES: Readonly<Record<string, number>> = { 2: 3, 3: 4, 4: 5, 5: 7, 6: 8, 7: 9, 8: 10, 9: 12 };
const FIRE_PARTS: Readonly<Record<string, string>> = {
  conv1x1_1: "squeeze",
  conv1x1_2: "expand1x1",
  conv3x3_2: "expand3x3",
};

/** Weights of Caffe's SqueezeNet 1.0 or keras-applications' MobileNetV2; undefined if a file holds neither. */
export function foreignNames(tensors: ReadonlyMap<string, FileTensor>): ForeignWeights | undefined {
  if (tensors.has("fire2.conv1x1_1.weight")) {
    const named = renamed(tensors, caffeName);
    const first = named.get("features.0.weight");
    if (first) named.set("features.0.weight", reverseInputs(first));
    return { encoder: "squeezenet1_0", normalisation: CAFFE, tensors: named };
  }
  if ([...tensors.keys()].some((key) => /(^|\.)block_1_depthwise\.weight$/.test(key))) {
    return {
      encoder: "mobilenet_v2",
      variant: "keras",
      normalisation: KERAS,
      tensors: renamed(tensors, kerasName),
    };
  }
}

/** Tensors under other names; those that get none are left out: the classifier. */
function renamed(
  tensors: ReadonlyMap<string, FileTensor>,
  rename: (layer: string) => string | undefined,
): Map<string, FileTensor> {
  const result = new Map<string, FileTensor>();
  for (const [key, tensor] of tensors) {
    const [, layer, part] = /^(?:\d+\.)?(.+)\.(weight|bias)$/.exec(key) ?? [];
    const name = layer && rename(layer);
    if (name) result.set(`${name}.${part}`, tensor);
  }
  return result;
}

function caffeName(layer: string): string | undefined {
  if (layer === "conv1") return "features.0";
  const [, fire, part] = /^fire(\d)\.(\w+)$/.exec(layer) ?? [];
  return fire in FIRES && part in FIRE_PARTS ? `features.${FIRES[fire]}.${FIRE_PARTS[part]}` : undefined;
}

function kerasName(layer: string): string | undefined {
  if (layer === "Conv1") return "features.0.0";
  if (layer === "Conv_1") return "features.18.0";
  const [, block, part] = /^(expanded_conv|block_\d+)_(expand|depthwise|project)$/.exec(layer) ?? [];
  if (!block) return undefined;
  const first = block === "expanded_conv"; // without an expansion
  const number = first ? 1 : Number(block.slice("block_".length)) + 1;
  const places = first
    ? { depthwise: "0.0", project: "1" }
    : { expand: "0.0", depthwise: "1.0", project: "2" };
  return `features.${number}.conv.${(places as Record<string, string>)[part]}`;
}

/** A convolution [O, 3, h, w] that takes its input channels in the other order. */
function reverseInputs(tensor: FileTensor): FileTensor {
  const [O, I, h, w] = tensor.shape;
  const data = new Float32Array(tensor.data.length);
  for (let o = 0; o < O; o++) {
    for (let i = 0; i < I; i++) {
      const from = (o * I + I - 1 - i) * h * w;
      for (let at = 0; at < h * w; at++) data[(o * I + i) * h * w + at] = Number(tensor.data[from + at]);
    }
  }
  return { dtype: "F32", shape: tensor.shape, data };
}
