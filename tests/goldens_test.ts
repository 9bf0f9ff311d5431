/**
 * PyTorch's numbers: every op, whole training runs and decoding, of the seed in the fixtures and of further seeds made
 * on the spot. A whole seed takes two minutes of CPU to make and verify: CI does one, `deno task verify` any.
 */
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import type { Backend } from "../lib/backend/backend.ts";
import { GOLDEN_GROUPS, verifyGoldens } from "../lib/deno/goldens.ts";
import { backends } from "./devices.ts";
import { FIXTURES, IN_CI, lacksFixture } from "./fixtures.ts";
import { lacksTorch, python } from "./python.ts";

const REFERENCE = `${FIXTURES}/reference`;
const ignore = lacksFixture("reference/golden");
const cannotMake = ignore || lacksTorch;

/** Cases of each group; that one is missing must not go unseen. */
const EXPECTED = { ops: 100, train: 18, decode: 11 };

/** Seeds besides the fixtures' 1. The first is made whole in CI. */
const SEEDS = [2, 3, 4];

/** Writes ops/ of goldens: what make_goldens.py does first. */
const MAKE_OPS = `
import sys
sys.path.insert(0, sys.argv[1])
import make_goldens
make_goldens.make_ops(int(sys.argv[2]), sys.argv[3])
`;

async function check(backend: Backend, dir: string, group: (typeof GOLDEN_GROUPS)[number]): Promise<void> {
  const before = backend.memory().storages;
  const cases = await Array.fromAsync(verifyGoldens(backend, dir, [group]));
  assert.equal(cases.length, EXPECTED[group]);
  assert.deepEqual(cases.filter(({ ok }) => !ok), []);
  assert.equal(backend.memory().storages, before, "the check leaves memory behind");
}

describe("PyTorch's goldens", () => {
  for (const backend of backends) {
    for (const group of GOLDEN_GROUPS) {
      it(
        `${group}: all cases hold on ${backend.name}`,
        { ignore },
        () => check(backend, `${REFERENCE}/golden`, group),
      );
    }
  }
});

describe("PyTorch's goldens of further seeds", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await Deno.makeTempDir({ prefix: "showtell_goldens_" });
    await Deno.writeTextFile(`${folder}/make_ops.py`, MAKE_OPS);
  });
  afterAll(() => Deno.remove(folder, { recursive: true }));

  for (const seed of SEEDS) {
    it(`ops: all cases of seed ${seed} hold`, { ignore: cannotMake }, async () => {
      const dir = `${folder}/ops_${seed}`;
      await python(`${folder}/make_ops.py`, REFERENCE, `${seed}`, dir);
      for (const backend of backends) await check(backend, dir, "ops");
    });
  }

  it(`everything of seed ${SEEDS[0]} holds`, { ignore: cannotMake || !IN_CI }, async () => {
    const dir = `${folder}/whole`;
    await python(`${REFERENCE}/make_goldens.py`, "--seed", `${SEEDS[0]}`, "--out", dir);
    for (const backend of backends) {
      for (const group of GOLDEN_GROUPS) await check(backend, dir, group);
    }
  });
});
