// This module runs in Deno only.
import type { CommandDescription, OptionDefinitions } from "./cli.ts";
import { DEVICE_OPTIONS } from "./device_options.ts";

/** Flags of `demo`. */
export const DEMO_OPTIONS = {
  data: { default: "data/demo", placeholder: "DIR", description: "folder for pictures, model and gallery" },
  pictures: { default: 14_400, min: 16, description: "pictures to train on" },
  steps: { default: 4000, min: 1, description: "training steps of 16 pictures" },
  beam: { default: 1, min: 1, max: 100, description: "captions kept at each word when captioning" },
  seed: { default: 1, description: "names the world, the model's start and the order of the pictures" },
  ...DEVICE_OPTIONS,
  json: { default: false, description: "print the result as a last line of JSON on stdout" },
} as const satisfies OptionDefinitions;

/** Head and examples of `demo --help`. */
export const DEMO_ABOUT: CommandDescription = {
  purpose: "Makes pictures, trains a captioner on them, tests it on others and shows a gallery, in minutes.",
  command: "deno task demo",
  examples: ["deno task demo", "deno task demo --seed 2 --data data/demo2"],
};
