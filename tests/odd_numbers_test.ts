/**
 * NaN, infinities and logits of ±1e4 go through ops as in PyTorch on the CPU: in the twins and in the fast forms.
 * WGSL promises nothing about NaN: `deno run -A tests/odd_numbers.ts` prints what an adapter does.
 */
import assert from "node:assert/strict";
import { beforeAll, describe, it } from "@std/testing/bdd";
import { CpuBackend } from "../lib/backend/cpu.ts";
import { backends } from "./devices.ts";
import { ODD_CASES } from "./odd_numbers/cases.ts";
import { difference, type Outcome, outcomeOf, pytorch } from "./odd_numbers/compare.ts";
import { lacksTorch } from "./python.ts";

describe("odd numbers", { ignore: lacksTorch }, () => {
  let expected: Outcome[];
  beforeAll(async () => {
    expected = await pytorch(ODD_CASES);
  });

  for (const [name, backend] of [["twins", new CpuBackend()], ["fast forms", backends[0]]] as const) {
    it(`go through the ${name} as through PyTorch`, async () => {
      const wrong: string[] = [];
      for (const [i, one] of ODD_CASES.entries()) {
        const found = difference(await outcomeOf(backend, one), expected[i]);
        if (found) wrong.push(`${one.name}: ${found}`);
      }
      assert.deepEqual(wrong, []);
    });
  }
});
