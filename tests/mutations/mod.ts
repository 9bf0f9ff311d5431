// This module is browser compatible.
/** Every mutation, and which files and kernels there must be one for. */

import { FAST_CHANGES } from "./fast.ts";
import type { Changes, Mutation } from "./mutation.ts";
import { TWIN_CHANGES } from "./twins.ts";
import { WGSL_CHANGES } from "./wgsl.ts";

export { mutate, type Mutation } from "./mutation.ts";

function listed(form: Mutation["form"], kernel: string, file: string, changes: Changes[string]): Mutation[] {
  return changes.map((change) => ({ kernel, form, file, change }));
}

/** All of them. Several of one kernel and form never stand in one copy of the project. */
export const MUTATIONS: readonly Mutation[] = [
  ...Object.entries(WGSL_CHANGES).flatMap(([name, changes]) =>
    listed("WGSL", name, `kernels/${name}.wgsl`, changes)
  ),
  ...Object.entries(FAST_CHANGES).flatMap(([name, [file, changes]]) => listed("fast", name, file, changes)),
  ...Object.entries(TWIN_CHANGES).flatMap(([name, { file, changes }]) => listed("twin", name, file, changes)),
];

/** Test file and suite whose finite differences check a twin. */
export function twinTest(kernel: string): readonly [file: string, suite: string] {
  return TWIN_CHANGES[kernel].test;
}
