// This module runs in Deno only.
import type { CommandDescription, OptionDefinitions } from "./cli.ts";

/** Options of `import`. */
export const IMPORT_OPTIONS = {
  from: {
    default: "weights",
    choices: ["weights", "sgrvinod", "yunjey"],
    description: "weights: an encoder's tensors as they are; else whose captioning checkpoint it is",
  },
  words: { placeholder: "FILE", description: "its vocabulary: sgrvinod's WORDMAP json, yunjey's vocab.pkl" },
  out: {
    placeholder: "FILE",
    description: "safetensors file to write (default: DATA/weights/NAME or DATA/imported/model.safetensors)",
  },
  data: { default: "data", placeholder: "DIR", description: "folder of the defaults above" },
  json: { default: false, description: "print what was imported as JSON on stdout" },
} as const satisfies OptionDefinitions;

/** What `import --help` says beside the options. */
export const IMPORT_ABOUT = {
  purpose: "Turns PyTorch checkpoints into safetensors. Nothing in them is executed.",
  command: "deno task import",
  positionals: {
    name: "FILE",
    description: "a checkpoint of torch.save, old or new; for yunjey the encoder's and the decoder's",
    min: 1,
    max: 2,
  },
  examples: [
    "deno task import resnet101-63fe2227.pth",
    "deno task import --from sgrvinod BEST_checkpoint.pth.tar --words WORDMAP.json --out sgrvinod.safetensors",
    "deno task import --from yunjey encoder-5-3000.pkl decoder-5-3000.pkl --words vocab.pkl",
  ],
} as const satisfies CommandDescription;
