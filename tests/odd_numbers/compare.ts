// This module runs in Deno only.
/** Runs the odd cases on a device and in PyTorch, and says where they differ. */

import type { Backend } from "../../lib/backend/backend.ts";
import { valueAndGrad } from "../../lib/autograd.ts";
import { mul, sum } from "../../lib/ops/mod.ts";
import { tensor } from "../../lib/tensor.ts";
import { python } from "../python.ts";
import type { OddCase } from "./cases.ts";

/** The value, then a gradient for each input. */
export type Outcome = readonly ArrayLike<number>[];

/** Relative to the largest finite number of each result. */
const TOLERANCE = 1e-5;

const FROM_PYTHON: Readonly<Record<string, number>> = { nan: NaN, inf: Infinity, "-inf": -Infinity };

/** What PyTorch makes of the cases on the CPU. */
export async function pytorch(cases: readonly OddCase[]): Promise<Outcome[]> {
  const path = await Deno.makeTempFile({ suffix: ".json" });
  try {
    const asText = cases.map(({ torch, inputs }) => ({
      torch,
      inputs: inputs.map(([data, shape]) => ({ shape, data: data.map(String) })),
    }));
    await Deno.writeTextFile(path, JSON.stringify(asText));
    const text = await python(new URL("./reference.py", import.meta.url).pathname, path);
    const results: string[][][] = JSON.parse(text);
    return results.map((tensors) =>
      tensors.map((row) => row.map((word) => FROM_PYTHON[word] ?? Number(word)))
    );
  } finally {
    await Deno.remove(path);
  }
}

/** What a device makes of a case. */
export async function outcomeOf(backend: Backend, { op, inputs }: OddCase): Promise<Outcome> {
  const tensors = inputs.map(([data, shape]) => tensor(backend, data, { shape }));
  const { value, grads } = valueAndGrad(tensors, () => {
    const y = op(...tensors);
    const weights = tensor(backend, Array.from({ length: y.length }, (_, i) => i % 3 + 1), {
      shape: y.shape,
    });
    return { loss: sum(mul(y, weights)), y };
  });
  const outcome = await Promise.all([value.y, ...grads].map((result) => result.read()));
  for (const used of [...tensors, ...grads, value.loss, value.y]) used.dispose();
  return outcome;
}

/** The first difference, "the value [3] is 0, in PyTorch NaN"; nothing where they agree. */
export function difference(got: Outcome, want: Outcome): string | undefined {
  for (const [i, expected] of want.entries()) {
    const finite = Array.from(expected).filter(Number.isFinite).map(Math.abs);
    const limit = TOLERANCE * Math.max(0, ...finite) + 1e-6;
    for (let j = 0; j < expected.length; j++) {
      const [ours, theirs] = [Math.fround(got[i][j]), expected[j]]; // f64 reaches farther than f32
      if (ours === theirs || Number.isNaN(ours) && Number.isNaN(theirs)) continue;
      if (Math.abs(ours - theirs) <= limit) continue;
      return `${i ? `the gradient of input ${i - 1}` : "the value"} [${j}] is ${ours}, in PyTorch ${theirs}`;
    }
  }
  return undefined;
}
