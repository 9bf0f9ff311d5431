/** PyTorch's numbers: every op, whole training runs and decoding. The long runs on WebGPU are `deno task verify`'s. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import type { Backend } from "../lib/backend/backend.ts";
import { GOLDEN_GROUPS, verifyGoldens } from "../lib/deno/goldens.ts";
import type { VerifiedCase } from "../lib/verify/report.ts";
import { backends } from "./devices.ts";
import { FIXTURES, lacksFixture } from "./fixtures.ts";

const GOLDENS = `${FIXTURES}/reference/golden`;
const ignore = lacksFixture("reference/golden");

/** Cases of each group; that one is missing must not go unseen. */
const EXPECTED = { ops: 100, train: 18, decode: 11 };

async function casesOf(backend: Backend, group: (typeof GOLDEN_GROUPS)[number]): Promise<VerifiedCase[]> {
  const cases: VerifiedCase[] = [];
  for await (const one of verifyGoldens(backend, GOLDENS, [group])) cases.push(one);
  return cases;
}

describe("PyTorch's goldens", () => {
  for (const backend of backends) {
    for (const group of GOLDEN_GROUPS) {
      it(`${group}: all cases hold on ${backend.name}`, { ignore }, async () => {
        const before = backend.memory().storages;
        const cases = await casesOf(backend, group);
        assert.equal(cases.length, EXPECTED[group]);
        assert.deepEqual(cases.filter(({ ok }) => !ok), []);
        assert.equal(backend.memory().storages, before, "the check leaves memory behind");
      });
    }
  }
});
