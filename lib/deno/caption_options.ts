// This module runs in Deno only.
import type { CommandDescription, OptionDefinitions } from "./cli.ts";
import { SAMPLE_OPTIONS, SEARCH_OPTIONS } from "./search_options.ts";
import { DEVICE_OPTIONS } from "./device_options.ts";

/** Flags of `caption`. */
export const CAPTION_OPTIONS = {
  model: {
    list: true,
    placeholder: "FILE",
    description: "the model (default: the newest of training's and the demo's), or several to write together",
  },
  data: { default: "data", placeholder: "DIR", description: "folder where those models are" },
  beam: {
    type: "integer",
    min: 1,
    max: 100,
    description: "captions kept at each word (default: 5); 1 takes the likeliest word each time",
  },
  candidates: {
    type: "integer",
    min: 1,
    max: 100,
    description: "captions printed for each picture, best first (default: 1); raises --beam to as many",
  },
  lengthAlpha: {
    type: "number",
    description: "longer captions are favoured as this grows (default: 0.7); 0: not",
  },
  ...SEARCH_OPTIONS,
  ...SAMPLE_OPTIONS,
  attention: { placeholder: "OUT.html", description: "write a page that shows where each word looked" },
  maxMegapixels: { default: 100, type: "number", min: 0.001, description: "larger pictures are refused" },
  ...DEVICE_OPTIONS,
  json: { default: false, description: "print a JSON line for each picture" },
} as const satisfies OptionDefinitions;

/** Head and examples of `caption --help`. */
export const CAPTION_ABOUT: CommandDescription = {
  purpose: "Captions pictures: JPEG, PNG or GIF.",
  command: "deno task caption",
  positionals: { name: "IMAGE", description: "the pictures", min: 1 },
  examples: [
    "deno task caption photo.jpg",
    "deno task caption --json --candidates 3 photos/*.jpg",
    "deno task caption --attention looked.html photo.jpg",
    "deno task caption --sample 5 --top-p 0.9 photo.jpg",
  ],
};
