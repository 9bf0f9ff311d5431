// This module is browser compatible.
/** ImageNet weights of encoders, by name: where they are published, and the hash that they have there. */

import type { EncoderName } from "../models/config.ts";

/** A published file of weights. */
export interface WeightSource {
  readonly encoder: EncoderName;
  readonly url: string;
  /** SHA-256 in lower-case hexadecimal: all of it, or the first digits, where only those are published. */
  readonly sha256: string;
  readonly aboutBytes: number;
  /** Ending of the file, with its dot. */
  readonly ending: ".safetensors" | ".pth";
}

/** Of torchvision (BSD-3); a file's name ends in the first 8 digits of its hash. */
const TORCHVISION: readonly (readonly [encoder: EncoderName, hash: string, megabytes: number])[] = [
  ["resnet18", "f37072fd", 46.8],
  ["resnet18", "5c106cde", 46.8],
  ["resnet34", "b627a593", 87.3],
  ["resnet34", "333f7ec4", 87.3],
  ["resnet50", "0676ba61", 102.5],
  ["resnet50", "11ad3fa6", 102.5],
  ["resnet50", "19c8e357", 102.5],
  ["resnet101", "63fe2227", 178.8],
  ["resnet101", "cd907fc2", 178.8],
  ["resnet101", "5d3b4d8f", 178.8],
  ["resnet152", "394f9c45", 241.6],
  ["resnet152", "f82ba261", 241.6],
  ["resnet152", "b121ed2d", 241.6],
  ["mobilenet_v2", "b0353104", 14.2],
  ["mobilenet_v2", "7ebf99e0", 14.2],
  ["squeezenet1_0", "b66bff10", 5.0],
];

/** Of timm, on the Hugging Face hub. "tv" are torchvision's first weights, "a1" those of Wightman et al., 2021. */
const TIMM: readonly (readonly [name: string, encoder: EncoderName, megabytes: number, sha256: string])[] = [
  [
    "resnet18.tv_in1k",
    "resnet18",
    46.8,
    "694f673df6520a3158624e8a89af086f59923ee4cd7436fe5bc3bc71d295ad81",
  ],
  [
    "resnet18.a1_in1k",
    "resnet18",
    46.8,
    "80c49dee3da4822c009c5a7fe591e9223c5a2cfcf95a4067ca4dfb5a7b89c612",
  ],
  ["resnet50.tv_in1k", "resnet50", 102, "5d061a3c593d795bfe682d9b152bafbcf550579873492def3515b46db1189888"],
  ["resnet50.a1_in1k", "resnet50", 102, "773525d5821de224f8f30c33377b7a795d7863e08522698200d3217d3f2a41bb"],
  [
    "resnet101.a1_in1k",
    "resnet101",
    179,
    "1ba5b660e7c175b3c27c557fc7dc8b2815be830c516815b0155f61b403f27380",
  ],
  [
    "resnet152.tv_in1k",
    "resnet152",
    241,
    "15897077afdf4d6334dc0c3f8e6fb483afb3faa9298c139f3c6eb29bca6ae5b2",
  ],
];

/** All that are known, by name. */
export const WEIGHTS: ReadonlyMap<string, WeightSource> = new Map([
  ...TIMM.map(([name, encoder, megabytes, sha256]): [string, WeightSource] => [name, {
    encoder,
    url: `https://huggingface.co/timm/${name}/resolve/main/model.safetensors`,
    sha256,
    aboutBytes: megabytes * 1e6,
    ending: ".safetensors",
  }]),
  ...TORCHVISION.map(([encoder, hash, megabytes]): [string, WeightSource] => [`${encoder}-${hash}`, {
    encoder,
    url: `https://download.pytorch.org/models/${encoder}-${hash}.pth`,
    sha256: hash,
    aboutBytes: megabytes * 1e6,
    ending: ".pth",
  }]),
]);

/** Names of all weights that are known. */
export const WEIGHT_NAMES: readonly string[] = [...WEIGHTS.keys()];

/** Where `download` puts weights: a path. */
export function weightsPath(data: string, name: string): string {
  return `${data}/weights/${name}${WEIGHTS.get(name)?.ending ?? ""}`;
}
