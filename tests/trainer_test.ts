/** What a trainer can do beside plain steps: averages, loss scale, groups. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { CaptionModel } from "../lib/models/caption_model.ts";
import { LossScale } from "../lib/optim/loss_scale.ts";
import { MovingAverage } from "../lib/optim/moving_average.ts";
import { GradientNorm } from "../lib/optim/optimiser.ts";
import { Sgd } from "../lib/optim/sgd.ts";
import { tensor } from "../lib/tensor.ts";
import type { Recipe } from "../lib/train/recipe.ts";
import { Trainer } from "../lib/train/trainer.ts";
import { backends } from "./devices.ts";
import { WORDS } from "./small_model.ts";
import { CONFIG, exact, RECIPE, steps } from "./small_training.ts";

const valuesOf = async (model: CaptionModel) =>
  new Map(
    await Promise.all(
      model.parameters.all.map(async ({ name, tensor }) => [name, await tensor.read()] as const),
    ),
  );

describe("moving averages", () => {
  it("follow the decay, and are there while validating and saving alone", async () => {
    const x = tensor(exact, [1, 2]);
    const average = new MovingAverage([x], 0.9);
    const want = [1, 2];
    for (let step = 1; step <= 12; step++) {
      exact.write(x.storage, [step, -step]);
      average.update(step);
      const decay = Math.min(0.9, (1 + step) / (10 + step));
      [step, -step].forEach((value, i) => want[i] = decay * want[i] + (1 - decay) * value);
    }
    const got = await average.averages[0].read();
    want.forEach((value, i) => assert.ok(Math.abs(got[i] - value) < 1e-12));
    assert.throws(() => new MovingAverage([x], 1), /decay 1: it must lie between 0 and 1/);

    const model = new CaptionModel(exact, CONFIG, { words: WORDS, seed: 7 });
    const trainer = new Trainer(model, { ...RECIPE, average: 0.5 });
    const name = "decoder.fc.weight";
    const start = (await valuesOf(model)).get(name)!.slice();
    await steps(trainer, 1);
    const before = await valuesOf(model);
    const moved = before.get(name)!;
    const saved = trainer.tensors.find((each) => each.name === `average.${name}`)!;
    const averages = await saved.tensor.read();
    const inside = await trainer.withAverages(() => valuesOf(model));
    assert.deepEqual(inside.get(name), averages);
    const share = 2 / 11; // of the start after the first step, (1 + 1) / (10 + 1)
    start.forEach((value, i) => {
      const want = share * value + (1 - share) * moved[i];
      assert.ok(Math.abs(averages[i] - want) < 1e-12, `${averages[i]}, not ${want}`);
      assert.notEqual(value, moved[i]);
    });
    assert.deepEqual(await valuesOf(model), before, "training goes on with the weights");
  });
});

describe("the loss scale", () => {
  for (const backend of [exact, ...backends]) {
    it(`halves and skips on overflow, doubles after good steps, changes no step on ${backend.description}`, async () => {
      const p = tensor(backend, [1, 2]);
      const scale = new LossScale(backend, { start: 8, interval: 3 });
      const norm = new GradientNorm(backend, 1, scale.state);
      const sgd = new Sgd([p]);
      const take = async (gradient: number) => {
        const grads = [tensor(backend, [3 * gradient, 4 * gradient])];
        const measured = norm.measure(grads, 100);
        sgd.apply(grads, { learningRate: 0.5, factor: measured.factor });
        scale.update(measured.factor);
        return [await measured.norm.item(), ...await p.read(), ...await scale.state.read()];
      };
      assert.deepEqual(await take(8), [5, -0.5, 0, 8, 1, 0]); // the true gradient is [3, 4]
      const overflow = await take(Infinity);
      assert.ok(!Number.isFinite(overflow[0]));
      assert.deepEqual(
        overflow.slice(1),
        [-0.5, 0, 4, 0, 1],
        "nothing moves, the scale is halved, one is counted",
      );
      assert.deepEqual((await take(NaN)).slice(1), [-0.5, 0, 2, 0, 2]);
      assert.deepEqual((await take(0.4)).slice(3), [2, 1, 2]);
      assert.deepEqual((await take(0.4)).slice(3), [2, 2, 2]);
      assert.deepEqual((await take(0.4)).slice(3), [4, 0, 2], "three good steps in a row");
    });
  }

  it("of a run with f16 activations is refused where there are none", () => {
    assert.throws(
      () => new CaptionModel(exact, CONFIG, { words: WORDS, activations: "f16" }),
      /Cannot use f16 on .*use --precision f32/,
    );
  });

  it("leaves a run's losses and norms as they are, and reports itself", async () => {
    const run = async (precision: "f32" | "f16") => {
      const model = new CaptionModel(exact, CONFIG, { words: WORDS, seed: 7 }); // activations stay whole: the logic alone
      return await steps(new Trainer(model, { ...RECIPE, precision }), 3);
    };
    const [plain, scaled] = [await run("f32"), await run("f16")];
    for (const [i, { loss, crossEntropy, gradNorm, extra }] of scaled.entries()) {
      const want = plain[i];
      for (
        const [got, right] of [[loss, want.loss], [crossEntropy, want.crossEntropy], [
          gradNorm,
          want.gradNorm,
        ]]
      ) {
        assert.ok(Math.abs(got - right) <= 1e-12 * right, `${got}, not ${right}`);
      }
      assert.deepEqual(extra, { lossScale: 65_536, skipped: 0 });
    }
  });
});

describe("parameter groups", () => {
  /** Names of parameters that a number of steps changes. */
  async function changed(recipe: Partial<Recipe>, count: number): Promise<Set<string>> {
    const model = new CaptionModel(exact, CONFIG, { words: WORDS, seed: 7 });
    const before = await valuesOf(model);
    await steps(new Trainer(model, { ...RECIPE, ...recipe }), count);
    const after = await valuesOf(model);
    const isSame = (name: string) => before.get(name)!.every((value, i) => value === after.get(name)![i]);
    return new Set([...before.keys()].filter((name) => !isSame(name)).map((name) => name.split(".")[1]));
  }
  const blocks = (names: Set<string>) => [...names].filter((name) => name.startsWith("block")).sort();

  it("freeze what they are told, running statistics included", async () => {
    assert.deepEqual(blocks(await changed({ fineTune: "none" }, 1)), []);
    assert.deepEqual(blocks(await changed({ fineTune: "block3" }, 1)), ["block3", "block4"]);
    assert.deepEqual(blocks(await changed({ fineTune: "3" }, 1)), ["block2", "block3", "block4"]);
    assert.deepEqual(blocks(await changed({}, 1)), ["block1", "block2", "block3", "block4"]);
    assert.ok((await changed({ fineTune: "none" }, 1)).has("lstm"));
    const wrong = changed({ fineTune: "layer2" }, 1);
    await assert.rejects(
      wrong,
      /fine-tune from "layer2": the encoder's blocks are block1, block2, block3, block4;/,
    );
  });

  it("begin later, with an optimiser of their own age", async () => {
    const late = { fineTune: "2", fineTuneFrom: 2 };
    assert.deepEqual(blocks(await changed(late, 2)), []);
    assert.deepEqual(blocks(await changed(late, 3)), ["block3", "block4"]);
    // Adam's first step is the learning rate long in each number, whatever the gradient: if the age is right.
    const model = new CaptionModel(exact, CONFIG, { words: WORDS, seed: 7 });
    const trainer = new Trainer(model, { ...RECIPE, ...late, encoderLearningRate: 1e-3 });
    await steps(trainer, 2);
    const before = await valuesOf(model);
    await steps(trainer, 1);
    const after = await valuesOf(model);
    const name = "encoder.block4.bn.weight";
    const moved = [...before.get(name)!].map((value, i) => Math.abs(after.get(name)![i] - value));
    for (const distance of moved) {
      assert.ok(Math.abs(distance - 1e-3) < 1e-6, `${distance}, not the rate 0.001`);
    }
    // A resumed run's optimiser is as old as the group, not as the run.
    const resumed = new Trainer(new CaptionModel(exact, CONFIG, { words: WORDS, seed: 7 }), {
      ...RECIPE,
      ...late,
    });
    resumed.steps = 2;
    const first = await valuesOf(resumed.model);
    await steps(resumed, 1);
    const second = await valuesOf(resumed.model);
    const distances = [...first.get(name)!].map((value, i) => Math.abs(second.get(name)![i] - value));
    for (const distance of distances) {
      assert.ok(Math.abs(distance - 1e-2) < 1e-5, `${distance}, not the rate 0.01`);
    }
  });
});
