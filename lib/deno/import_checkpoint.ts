// This module runs in Deno only.
/** Checkpoints on disk, and what becomes of them. */

import { CpuBackend } from "../backend/cpu.ts";
import { parsePth } from "../data/pth.ts";
import type { SafetensorsFile } from "../data/safetensors.ts";
import { plainNames } from "../data/torch_names.ts";
import { parseWeights, torchState } from "../data/torch_state.ts";
import { parseWordMap, type WordOrder, wordOrder } from "../data/word_map.ts";
import { importSgrvinod } from "../models/import_sgrvinod.ts";
import { importYunjey } from "../models/import_yunjey.ts";
import { modelFromFile } from "../models/model_file.ts";
import { UsageError } from "./cli.ts";
import { readBytes } from "./model_disk.ts";

/** Values beside the weights that are worth a note, and its name. */
const NOTES: readonly (readonly [theirs: string, ours: string])[] = [
  ["epoch", "importedEpoch"],
  ["bleu-4", "importedTeacherForcedBleu4"],
];

/** Encoder weights: the tensors under plain names. */
export async function importWeights(path: string): Promise<SafetensorsFile> {
  const { tensors } = parseWeights(await readBytes(path), path);
  return { metadata: { format: "pt" }, tensors: plainNames(tensors) };
}

/**
 * A model from sgrvinod's checkpoint.
 *
 * @throws {UsageError} If the words are not named.
 */
export async function importSgrvinodFile(path: string, words: string | undefined): Promise<SafetensorsFile> {
  const checkpoint = parsePth(await readBytes(path), path);
  const order = await readOrder(words, "the WORDMAP json of its training");
  const { root } = checkpoint;
  const notes = root instanceof Map
    ? Object.fromEntries(NOTES.flatMap(([theirs, ours]) => {
      const found = root.get(theirs);
      return typeof found === "number" ? [[ours, found]] : [];
    }))
    : {};
  return checked(importSgrvinod(torchState(checkpoint), { name: path, order, notes }), path);
}

/**
 * A model from yunjey's two checkpoints.
 *
 * @throws {UsageError} If the decoder's file or the words are not named.
 */
export async function importYunjeyFiles(
  [encoder, decoder]: readonly string[],
  words: string | undefined,
): Promise<SafetensorsFile> {
  if (decoder === undefined) {
    throw new UsageError("Cannot import from yunjey: name two files, the encoder's and the decoder's");
  }
  const files = {
    encoder: parseWeights(await readBytes(encoder), encoder),
    decoder: parseWeights(await readBytes(decoder), decoder),
  };
  const name = `${encoder} and ${decoder}`;
  return checked(
    importYunjey(files, { name, order: await readOrder(words, "the vocab.pkl of its training") }),
    name,
  );
}

async function readOrder(words: string | undefined, what: string): Promise<WordOrder> {
  if (words === undefined) {
    throw new UsageError(`Cannot import a model without its words: name ${what} with --words`);
  }
  return wordOrder(parseWordMap(await readBytes(words), words), words);
}

/** Builds the model once, so that a file is only written that can be loaded. */
function checked(file: SafetensorsFile, name: string): SafetensorsFile {
  const backend = new CpuBackend();
  try {
    modelFromFile(backend, file, name).model.dispose();
  } finally {
    backend.close();
  }
  return file;
}
