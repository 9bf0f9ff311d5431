/** Dropout: its mask, its gradient, its errors. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { dropout } from "../lib/ops/mod.ts";
import { uniformAt } from "../lib/random.ts";
import { checkOp, compare, named, onAll, type Op, refuses } from "./check_op.ts";

describe("dropout()", () => {
  it("has the right gradient, with the mask of the value", async () => {
    await checkOp((x) => dropout(x, { rate: 0.5, seed: 7 }), [[3, 65]]);
    await checkOp((x) => dropout(x, { rate: 0, seed: 7 }), [[3]]);
  });

  it("drops the same elements on every device, by seed and index", async () => {
    const count = 10000;
    const want = Array.from({ length: count }, (_, i) => uniformAt(5, 900 + i) < 0.3 ? 0 : 1 / 0.7);
    const kept = want.filter((value) => value > 0).length;
    assert.ok(Math.abs(kept - 7000) < 150, `${kept} of 10,000 kept`); // 3 deviations of 46
    const fn: Op = (x) => dropout(x, { rate: 0.3, seed: 5, whole: { rows: 20_000, first: 900 } });
    for (const got of await onAll(fn, [[Array(count).fill(1), [count, 1]]])) {
      compare(got, want, { what: "the value", tolerance: 1e-6 });
    }
  });

  it("masks rows of a whole as the whole is masked", async () => {
    const [T, rows, H] = [3, 7, 5];
    const ones = [Array(T * rows * H).fill(1), [T, rows, H]] as const;
    const whole = await onAll((x) => dropout(x, { rate: 0.5, seed: 9 }), [ones]);
    for (const [first, N] of [[0, 2], [2, 4], [6, 1]]) {
      const fn: Op = (x) => dropout(x, { rate: 0.5, seed: 9, whole: { rows, first } });
      const parts = await onAll(fn, [[Array(T * N * H).fill(1), [T, N, H]]]);
      const at = (i: number) => (Math.floor(i / (N * H)) * rows + first) * H + i % (N * H);
      parts.forEach((part, device) => {
        assert.deepEqual([...part], Array.from({ length: T * N * H }, (_, i) => whole[device][at(i)]));
      });
    }
    await checkOp((x) => dropout(x, { rate: 0.5, seed: 7, whole: { rows: 9, first: 4 } }), [[2, 3, 5]]);
  });

  it("explains a rate out of range", () => {
    refuses(() => dropout(named("x", 3), { rate: 1, seed: 1 }), /rate 1: it must be at least 0 and below 1/);
    refuses(
      () => dropout(named("x", 3, 5), { rate: 0.5, seed: 1, whole: { rows: 4, first: 2 } }),
      /rows 2 to 4 of a whole: it has 4 rows/,
    );
  });
});
