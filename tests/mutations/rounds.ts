// This module is browser compatible.
/** Mutations that one run of the kernel tests can try together: each is noticed in cases of its own. */

import type { Mutation } from "./mutation.ts";

/** "conv2d_backward_input, depthwise" is a part of that kernel's fast form. */
function kernelOf({ kernel }: Mutation): string {
  return kernel.split(",")[0];
}

/** Kernels whose fast forms share a loop. */
const SHARED_LOOPS = [["cross_entropy_backward", "weighted_cross_entropy_backward"]];

function collide(a: Mutation, b: Mutation): boolean {
  if (a.form !== b.form) return false; // seen on different devices
  const [one, other] = [kernelOf(a), kernelOf(b)];
  return one === other ||
    a.form === "fast" && SHARED_LOOPS.some((names) => names.includes(one) && names.includes(other));
}

/** As few rounds as it takes that no two of a round could be taken for each other. */
export function inRounds(mutations: readonly Mutation[]): Mutation[][] {
  const rounds: Mutation[][] = [];
  for (const mutation of mutations) {
    const free = rounds.find((round) => !round.some((other) => collide(mutation, other)));
    if (free) free.push(mutation);
    else rounds.push([mutation]);
  }
  return rounds;
}

/** The first failed case in what the kernel tests printed that speaks of a mutation: "program, case: d_x[0] is …". */
export function noticed(mutation: Mutation, output: string): string | undefined {
  const device = mutation.form === "WGSL" ? "webgpu" : "cpu";
  for (
    const [, program, what, where, message] of output.matchAll(
      /^(\w+)(?::\S+)?, (.+) on (cpu|webgpu): (.+)$/gm,
    )
  ) {
    const name = mutation.form === "WGSL"
      ? program
      : program.replace(/_(registers|workgroup|depthwise)$/, "");
    if (where === device && name === kernelOf(mutation)) return `${program}, ${what}: ${message}`;
  }
  return undefined;
}
