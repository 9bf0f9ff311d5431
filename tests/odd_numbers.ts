// This module runs in Deno only.
/**
 * A table of what each device makes of NaN, infinities and huge logits, beside PyTorch on the CPU.
 *
 *     deno run --allow-all tests/odd_numbers.ts
 *
 * WGSL lets an adapter assume that there are none, so this records; tests assert it of the CPU alone.
 */
import { backends } from "./devices.ts";
import { ODD_CASES } from "./odd_numbers/cases.ts";
import { difference, outcomeOf, pytorch } from "./odd_numbers/compare.ts";

const expected = await pytorch(ODD_CASES);
for (const backend of backends) {
  const differences: string[] = [];
  for (const [i, one] of ODD_CASES.entries()) {
    const found = difference(await outcomeOf(backend, one), expected[i]);
    if (found) differences.push(`| ${one.name} | ${found} |`);
  }
  console.log(
    `\n${backend.description}: ${ODD_CASES.length - differences.length} of ${ODD_CASES.length} as PyTorch`,
  );
  if (differences.length > 0) {
    console.log(["| case | difference |", "| --- | --- |", ...differences].join("\n"));
  }
}
Deno.exit(0); // workers are still there
