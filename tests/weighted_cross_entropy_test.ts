/** The loss of self-critical training: cross entropy with a weight for each word. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { crossEntropy, weightedCrossEntropy } from "../lib/ops/mod.ts";
import { Tensor, tensor } from "../lib/tensor.ts";
import { checkOp, named, onAll, refuses } from "./check_op.ts";

const ids = (like: Tensor, data: number[]) => tensor(like.backend, data, { type: "u32" });
const floats = (like: Tensor, data: number[]) => tensor(like.backend, data);

describe("weightedCrossEntropy()", () => {
  it("has the right values and gradients, for weights of both signs, without padding", async () => {
    const weighted = (targets: number[], weights: number[]) => (x: Tensor) =>
      weightedCrossEntropy(x, { targets: ids(x, targets), weights: floats(x, weights) });
    await checkOp(weighted([3, 0, 1, 4], [0.5, 2, -1.5, 0]), [[4, 5]], { ranges: [[-3, 3]] });
    await checkOp(weighted([66, 1, 0, 5], [-1, 1, 1, 0.25]), [[2, 2, 67]]);
  });

  it("is the cross entropy where every weight is 1", async () => {
    const logits = [[0.3, -1, 2, 0.1, 0.7, -0.2], [2, 3]] as const;
    const [plain] = await onAll((x) => crossEntropy(x, ids(x, [2, 1])), [logits]);
    for (
      const [value] of await onAll(
        (x) => weightedCrossEntropy(x, { targets: ids(x, [2, 1]), weights: floats(x, [1, 1]) }),
        [logits],
      )
    ) assert.ok(Math.abs(value - plain[0]) < 1e-6, `${value}, should be ${plain[0]}`);
  });

  it("explains weights that do not fit", () => {
    refuses(() => {
      const logits = named("logits", 3, 5);
      weightedCrossEntropy(logits, { targets: ids(logits, [1, 2, 3]), weights: floats(logits, [1]) });
    }, /Cannot weigh the cross entropy of "logits" \[3, 5\] .* one f32 weight per row, 3/);
  });
});
