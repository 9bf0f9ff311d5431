/** Training on MobileNetV2's features of photographs against the same training in PyTorch. */
import assert from "node:assert/strict";
import { beforeAll, describe, it } from "@std/testing/bdd";
import { openCpu } from "../lib/backend/cpu.ts";
import { lacksFixture } from "./fixtures.ts";
import {
  compareWithPytorch,
  type Comparison,
  drift,
  openPhotoModel,
  PHOTO_RECIPE,
} from "./features_pytorch.ts";
import { lacksTorch } from "./python.ts";

const ignore = lacksTorch || lacksFixture("data/weights") || lacksFixture("data/coco") ||
  lacksFixture("reference");

describe("training on features of MobileNetV2", { ignore }, () => {
  let losses: Comparison;
  beforeAll(async () => {
    const dir = await Deno.makeTempDir();
    const backend = await openCpu({ threads: 2 });
    try {
      const sizes = { hidden: 96, attention: 64, photos: 40 };
      const { model, dataset } = await openPhotoModel(backend, dir, sizes);
      const recipe = { ...PHOTO_RECIPE, steps: 30 };
      losses = await compareWithPytorch({ model, dataset, dir }, { recipe, batch: 8, moved: 2 });
      model.dispose();
      dataset.close();
    } finally {
      backend.close();
      await Deno.remove(dir, { recursive: true });
    }
  });

  it("gives PyTorch's loss in the first step", () => {
    assert.ok(drift(losses.ours, losses.f64, 1) < 2e-6, `${losses.ours[0]} and ${losses.f64[0]}`);
  });

  it("follows PyTorch's losses within what rounding does to them", () => {
    for (const steps of [5, 10, 20, 30]) {
      const worst = Math.max(...[losses.f32, ...losses.moved].map((run) => drift(run, losses.f64, steps)));
      const ours = drift(losses.ours, losses.f64, steps);
      assert.ok(
        ours <= 10 * worst + 1e-6,
        `after ${steps} steps ours is off by ${ours}, PyTorch's f32 by ${worst}`,
      );
    }
  });

  it("learns", () => {
    const mean = (from: number, to: number) =>
      losses.ours.slice(from, to).reduce((sum, loss) => sum + loss, 0) / (to - from);
    assert.ok(mean(25, 30) < mean(0, 5) - 0.1, `${losses.ours}`);
  });
});
