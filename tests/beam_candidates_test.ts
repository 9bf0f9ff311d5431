// This module runs in Deno only.
/** The kernel that ranks the continuations of each beam. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { beamCandidatesKernel, LOWEST_SCORE } from "../kernels/beam.ts";
import { scope } from "../lib/scope.ts";
import { tensor } from "../lib/tensor.ts";
import { backends } from "./devices.ts";
import { near } from "./search_models.ts";

for (const backend of backends) {
  describe(`candidates on ${backend.name}`, () => {
    const candidates = async (V: number, k: number) => {
      const logit = (v: number) => Math.round(Math.sin(v * 7.3) * 2000) / 1000; // with ties
      const { words, scores } = scope(() => {
        const u32 = (data: ArrayLike<number>) => tensor(backend, data, { type: "u32" });
        const words = u32(new Uint32Array(2 * k));
        const scores = tensor(backend, new Float32Array(2 * k));
        backend.run(beamCandidatesKernel, {
          logits: tensor(backend, Float32Array.from({ length: 2 * V }, (_, i) => logit(i % V))).storage,
          scores: tensor(backend, Float32Array.of(-1, LOWEST_SCORE)).storage,
          banned: u32(Array.from({ length: V }, (_, v) => Number(v % 5 === 0))).storage,
          candidate_scores: scores.storage,
          candidate_words: words.storage,
        }, { N: 2, V, k });
        return { words, scores };
      });
      const [found, summed] = await Promise.all([words.read(), scores.read()]);
      words.dispose();
      scores.dispose();
      const order = Array.from({ length: V }, (_, v) => v).filter((v) => v % 5 !== 0)
        .sort((x, y) => Math.fround(logit(y)) - Math.fround(logit(x)) || x - y).slice(0, k);
      const logSum = Math.log(
        Array.from({ length: V }, (_, v) => Math.exp(logit(v))).reduce((sum, p) => sum + p, 0),
      );
      assert.deepEqual([...found.subarray(0, order.length)], order);
      near([...summed.subarray(0, order.length)], order.map((v) => logit(v) - logSum - 1), 1e-4);
      assert.ok(summed.subarray(order.length, k).every((score) => score <= LOWEST_SCORE), "no word twice");
      assert.ok(
        summed.subarray(k).every((score) => score <= LOWEST_SCORE),
        "a beam that is not there goes nowhere",
      );
    };
    it("are the best of a large vocabulary", () => candidates(10_007, 20));
    it("are none where no words are left", () => candidates(23, 40));
  });
}
