// This module runs in Deno only.
/** Flags of every script that computes: where, and with what. */

import { DEVICES } from "../backend/open.ts";
import { PRECISIONS } from "../train/recipe.ts";
import { BLAS_CHOICES } from "./blas.ts";
import type { OptionDefinition, OptionDefinitions } from "./cli.ts";

/** `--blas` alone, for scripts whose `--device` means something of its own. */
export const BLAS_OPTION = {
  default: "auto",
  choices: BLAS_CHOICES,
  description: "the system's BLAS (OpenBLAS, Accelerate) on the CPU: auto, where it is there and allowed",
} as const satisfies OptionDefinition;

/** `--device`, `--precision` and `--blas`; see `openDevice`. */
export const DEVICE_OPTIONS = {
  device: { default: "auto", choices: DEVICES, description: "what computes" },
  precision: {
    default: "f32",
    choices: PRECISIONS,
    description: "f16: half floats in a GPU's memory, for feature maps and, when nothing is trained, weights",
  },
  blas: BLAS_OPTION,
} as const satisfies OptionDefinitions;
