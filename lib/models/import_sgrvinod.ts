// This module is browser compatible.
/**
 * Checkpoints of the "PyTorch Tutorial to Image Captioning" by sgrvinod: a ResNet in a Sequential, averaged to a grid,
 * and a decoder with attention, pickled whole.
 */

import type { FileTensor, SafetensorsFile } from "../data/safetensors.ts";
import { plainNames } from "../data/torch_names.ts";
import { DEFAULT_PREPROCESSING } from "../image/preprocess.ts";
import { checkWords, ForeignTensors, type ImportSource, reorderRows, resnetOf } from "./import_parts.ts";
import { MODEL_FORMAT, type ModelInfo } from "./model_file.ts";

/** Pictures are squashed to this size. */
const SIZE = 256;
/** Rows and columns of the features. */
const GRID = 14;

/** Our names of the decoder's tensors, their dimensions, and theirs where they differ. */
export const SGRVINOD_DECODER: readonly (readonly [ours: string, dimensions: number, theirs?: string])[] = [
  ...[
    "attention.encoder_att",
    "attention.decoder_att",
    "attention.full_att",
    "init_h",
    "init_c",
    "f_beta",
    "fc",
  ]
    .flatMap((layer) => [[`${layer}.weight`, 2], [`${layer}.bias`, 1]] as const),
  ["embedding.weight", 2],
  ...["weight_ih", "weight_hh"].map((name) => [`lstm.${name}`, 2, `decode_step.${name}`] as const),
  ...["bias_ih", "bias_hh"].map((name) => [`lstm.${name}`, 1, `decode_step.${name}`] as const),
];

/** Those whose first axis is words. */
const BY_WORD = ["embedding.weight", "fc.weight", "fc.bias"];

/**
 * Our model file from a checkpoint.
 *
 * @param file Its tensors, from `parseWeights`.
 * @throws {RangeError} If it is of another make, or its words are not those given.
 */
export function importSgrvinod(
  file: SafetensorsFile,
  { name, order, notes = {} }: ImportSource,
): SafetensorsFile {
  const foreign = new ForeignTensors(plainNames(file.tensors), { name, maker: "sgrvinod" });
  const tensors = new Map<string, FileTensor>();
  for (const [ours, dimensions, theirs = ours] of SGRVINOD_DECODER) {
    const tensor = foreign.take(`decoder.${theirs}`, dimensions);
    tensors.set(`decoder.${ours}`, tensor);
    if (!BY_WORD.includes(ours)) continue;
    checkWords(tensor, { foreign, theirs: `decoder.${theirs}`, order });
    tensors.set(`decoder.${ours}`, reorderRows(tensor, order.theirIds));
  }
  const { encoder, tensors: encoderParts } = resnetOf(foreign);
  for (const [key, tensor] of encoderParts) tensors.set(key, tensor);
  const [, embedding] = tensors.get("decoder.embedding.weight")!.shape;
  const [hidden] = tensors.get("decoder.init_h.bias")!.shape;
  const [attention] = tensors.get("decoder.attention.encoder_att.bias")!.shape;
  const info: ModelInfo = {
    config: {
      ...{ encoder, grid: GRID, decoder: "attend", embedding, hidden, attention, dropout: 0.5 },
      preprocessing: { ...DEFAULT_PREPROCESSING, size: SIZE },
    },
    words: order.words,
    wordSource: "ptb",
    recipe: { preset: "sgrvinod", importedFrom: "sgrvinod", ...notes },
    ...{ step: 0, scores: {}, dataHash: "imported" },
  };
  return { metadata: { showtell: JSON.stringify({ format: MODEL_FORMAT, ...info }) }, tensors };
}
