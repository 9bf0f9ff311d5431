// This module is browser compatible.
/**
 * Checkpoints of the image captioning in yunjey's "pytorch-tutorial": a ResNet, its mean features through a linear
 * layer and a batch norm, and an LSTM that reads the image first; a state dict for each half.
 */

import type { FileTensor, SafetensorsFile } from "../data/safetensors.ts";
import { plainNames } from "../data/torch_names.ts";
import { DEFAULT_PREPROCESSING } from "../image/preprocess.ts";
import { checkWords, ForeignTensors, type ImportSource, reorderRows, resnetOf } from "./import_parts.ts";
import { MODEL_FORMAT, type ModelInfo } from "./model_file.ts";

/** Pictures are squashed to this size when they are captioned. */
const SIZE = 224;

/** Our names of the encoder's head, their dimensions, and theirs. */
const HEAD: readonly (readonly [ours: string, dimensions: number, theirs: string])[] = [
  ["image_proj.weight", 2, "linear.weight"],
  ["image_proj.bias", 1, "linear.bias"],
  ...["weight", "bias", "running_mean", "running_var"].map((name) =>
    [`image_norm.${name}`, 1, `bn.${name}`] as const
  ),
];

/** The same of the decoder; and whether its rows are words. */
const DECODER: readonly (readonly [ours: string, dimensions: number, theirs: string, byWord?: true])[] = [
  ["embedding.weight", 2, "embed.weight", true],
  ["fc.weight", 2, "linear.weight", true],
  ["fc.bias", 1, "linear.bias", true],
  ...["weight_ih", "weight_hh"].map((name) => [`lstm.${name}`, 2, `lstm.${name}_l0`] as const),
  ...["bias_ih", "bias_hh"].map((name) => [`lstm.${name}`, 1, `lstm.${name}_l0`] as const),
];

/**
 * Our model file from both checkpoints. The output at the image's own step, from which that tutorial draws the start
 * token, is not used here: the start token is given.
 *
 * @param files Their tensors, from `parseWeights`.
 * @throws {RangeError} If they are of another make, or their words are not those given.
 */
export function importYunjey(
  files: { readonly encoder: SafetensorsFile; readonly decoder: SafetensorsFile },
  { name, order, notes = {} }: ImportSource,
): SafetensorsFile {
  const maker = "yunjey";
  const [encoder, decoder] = [files.encoder, files.decoder].map(({ tensors }, i) =>
    new ForeignTensors(plainNames(tensors), { name: `the ${i ? "decoder" : "encoder"} of ${name}`, maker })
  );
  if ([...decoder.tensors.keys()].some((key) => key.startsWith("lstm.weight_ih_l1"))) {
    throw decoder.fail("its LSTM has more than one layer, only one is known here");
  }
  const tensors = new Map<string, FileTensor>();
  for (const [ours, dimensions, theirs] of HEAD) {
    tensors.set(`decoder.${ours}`, encoder.take(theirs, dimensions));
  }
  for (const [ours, dimensions, theirs, byWord] of DECODER) {
    const tensor = decoder.take(theirs, dimensions);
    if (byWord) checkWords(tensor, { foreign: decoder, theirs, order });
    tensors.set(`decoder.${ours}`, byWord ? reorderRows(tensor, order.theirIds) : tensor);
  }
  const { encoder: resnet, tensors: encoderParts } = resnetOf(encoder);
  for (const [key, tensor] of encoderParts) tensors.set(key, tensor);
  const [, embedding] = tensors.get("decoder.embedding.weight")!.shape;
  const [, hidden] = tensors.get("decoder.lstm.weight_hh")!.shape;
  const info: ModelInfo = {
    config: {
      ...{
        encoder: resnet,
        decoder: "show_tell",
        imageNorm: true,
        embedding,
        hidden,
        attention: 1,
        dropout: 0,
      },
      preprocessing: { ...DEFAULT_PREPROCESSING, size: SIZE },
    },
    words: order.words,
    wordSource: "ptb",
    recipe: { preset: "yunjey", importedFrom: maker, ...notes },
    ...{ step: 0, scores: {}, dataHash: "imported" },
  };
  return { metadata: { showtell: JSON.stringify({ format: MODEL_FORMAT, ...info }) }, tensors };
}
