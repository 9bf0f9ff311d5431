// This module runs in Deno only.
/** Flags of every script that computes: where, and with what. */

import { DEVICES } from "../backend/open.ts";
import { BLAS_CHOICES } from "./blas.ts";
import type { OptionDefinition, OptionDefinitions } from "./cli.ts";

/** `--blas` alone, for scripts whose `--device` means something of its own. */
export const BLAS_OPTION = {
  default: "auto",
  choices: BLAS_CHOICES,
  description: "the system's BLAS (OpenBLAS, Accelerate) on the CPU: auto, where it is there and allowed",
} as const satisfies OptionDefinition;

/** `--device` and `--blas`; see `openDevice`. */
export const DEVICE_OPTIONS = {
  device: { default: "auto", choices: DEVICES, description: "what computes" },
  blas: BLAS_OPTION,
} as const satisfies OptionDefinitions;
