// This module runs in Deno only.
import type { CommandDescription, OptionDefinitions } from "./cli.ts";

/** Options of `export`. */
export const EXPORT_OPTIONS = {
  to: {
    default: "pth",
    choices: ["pth", "sgrvinod"],
    description: "pth: a flat state dict; sgrvinod: that tutorial's names and order of words",
  },
  model: {
    placeholder: "FILE",
    description: "model to export (default: the newest of DATA's and the demo's)",
  },
  out: {
    default: "model.pth",
    placeholder: "FILE",
    description: "checkpoint to write; OUT.words.json goes beside it",
  },
  data: { default: "data", placeholder: "DIR", description: "folder where models are looked for" },
  json: { default: false, description: "print what was written as JSON on stdout" },
} as const satisfies OptionDefinitions;

/** What `export --help` says beside the options. */
export const EXPORT_ABOUT = {
  purpose: "Writes a model as a checkpoint that PyTorch's torch.load reads.",
  command: "deno task export",
  examples: ["deno task export --out model.pth", "deno task export --to sgrvinod --out sgrvinod.pth"],
} as const satisfies CommandDescription;
