// This module is browser compatible.
/**
 * Cases of every kernel on ragged sizes: shared by the tests in Deno, in a browser, and of the CPU's fast forms.
 */

import { convolutionCases } from "./convolutions.ts";
import { decoderCases } from "./decoder.ts";
import { elementwiseCases } from "./elementwise.ts";
import { mapCases } from "./maps.ts";
import { optimiserCases } from "./optimisers.ts";
import { productCases } from "./products.ts";
import { searchCases } from "./search.ts";
import type { KernelCase } from "./case.ts";

export { type CaseResult, type KernelCase, runCase } from "./case.ts";

/** All of them, in the order of their files. */
export const KERNEL_CASES: readonly KernelCase[] = [
  ...productCases(),
  ...convolutionCases(),
  ...elementwiseCases(),
  ...optimiserCases(),
  ...mapCases(),
  ...decoderCases(),
  ...searchCases(),
];
