// This module is browser compatible.
/** Our models as checkpoints that the code of the "PyTorch Tutorial to Image Captioning" by sgrvinod loads. */

import type { TorchValue } from "../data/pickle_writer.ts";
import type { SafetensorsFile } from "../data/safetensors.ts";
import { sequentialResnetName } from "../data/torch_names.ts";
import { SPECIAL_WORDS } from "../text/vocabulary.ts";
import { reorderRows } from "./import_parts.ts";
import { SGRVINOD_DECODER } from "./import_sgrvinod.ts";
import { readInfo } from "./model_file.ts";

/** What {@linkcode exportSgrvinod} makes. */
export interface SgrvinodCheckpoint {
  /** `{"encoder": state dict, "decoder": state dict}`, for `load_state_dict`. */
  readonly checkpoint: ReadonlyMap<string, TorchValue>;
  /** Ids by word in that tutorial's order: padding 0, the words, then unknown, start and end. */
  readonly wordMap: Readonly<Record<string, number>>;
}

/**
 * A checkpoint in that tutorial's names and order of words, from a model file.
 *
 * @param name The file's name, for errors.
 * @throws {RangeError} If the model is not a ResNet with attention: that tutorial has no other.
 */
export function exportSgrvinod(file: SafetensorsFile, name: string): SgrvinodCheckpoint {
  const { config, words } = readInfo(file, name);
  const { encoder, decoder, squash = "relu", deepOutput = false } = config;
  if (!encoder.startsWith("resnet") || decoder !== "attend" || squash !== "relu" || deepOutput) {
    throw new RangeError(
      `Cannot export ${name} to sgrvinod: it is ${encoder} + ${decoder}, ${squash}${
        deepOutput ? ", deep output" : ""
      }; ` +
        "that tutorial has ResNets with attend, relu, without deep output only; use --to pth",
    );
  }
  const [PAD_WORD, START_WORD, END_WORD, UNK_WORD] = SPECIAL_WORDS;
  const theirWords = [PAD_WORD, ...words, UNK_WORD, START_WORD, END_WORD];
  const ourIds = new Map([...SPECIAL_WORDS, ...words].map((word, id) => [word, id]));
  const order = theirWords.map((word) => ourIds.get(word)!);
  const decoderState = new Map<string, TorchValue>(SGRVINOD_DECODER.map(([ours, , theirs = ours]) => {
    const shared = config.tied && ours === "fc.weight"; // one matrix here, two there
    const tensor = file.tensors.get(`decoder.${shared ? "embedding.weight" : ours}`)!;
    return [theirs, /^(embedding|fc)\./.test(ours) ? reorderRows(tensor, order) : tensor];
  }));
  const encoderState = new Map<string, TorchValue>();
  for (const [key, tensor] of file.tensors) {
    if (!key.startsWith("encoder.")) continue;
    encoderState.set(`resnet.${sequentialResnetName(key.slice("encoder.".length))}`, tensor);
  }
  return {
    checkpoint: new Map([["encoder", encoderState], ["decoder", decoderState]]),
    wordMap: Object.fromEntries(theirWords.map((word, id) => [word, id])),
  };
}
