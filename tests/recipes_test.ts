/** The recipes' parts against PyTorch, in f64: decoders, label smoothing, optimisers, clipping, schedules. */
import assert from "node:assert/strict";
import { beforeAll, describe, it } from "@std/testing/bdd";
import { valueAndGrad } from "../lib/autograd.ts";
import type { Backend } from "../lib/backend/backend.ts";
import { CpuBackend } from "../lib/backend/cpu.ts";
import { beamSearch } from "../lib/models/beam_search.ts";
import { DEFAULT_PREPROCESSING } from "../lib/image/preprocess.ts";
import { CaptionModel } from "../lib/models/caption_model.ts";
import { ensembleDecoder } from "../lib/models/ensemble.ts";
import type { ModelConfig } from "../lib/models/config.ts";
import { Adam } from "../lib/optim/adam.ts";
import { GradientNorm } from "../lib/optim/optimiser.ts";
import { Sgd } from "../lib/optim/sgd.ts";
import { Random } from "../lib/random.ts";
import { type Shape, sizeOf, Tensor, tensor } from "../lib/tensor.ts";
import { learningRateAt, Plateau, samplingAt } from "../lib/train/schedule.ts";
import { lacksTorch, python } from "./python.ts";
import { backends } from "./devices.ts";
import { compare } from "./check_op.ts";

const WORDS = 11;
/** T, B, P, D of the decoders' cases. */
const [T, B, P, D] = [4, 3, 4, 10];
const CONFIG: ModelConfig = {
  encoder: "tiny",
  channels: [4, 6, 8, D],
  decoder: "attend",
  embedding: 7,
  hidden: 7,
  attention: 5,
  dropout: 0,
  preprocessing: { ...DEFAULT_PREPROCESSING, size: 16 },
};
/** Every decoder with every variant; `smoothing` is the loss's. */
const VARIANTS: readonly (Partial<ModelConfig> & { readonly smoothing?: number })[] = [
  {},
  { squash: "tanh", deepOutput: true, smoothing: 0.1 },
  { tied: true, deepOutput: true },
  { decoder: "show_tell", smoothing: 0.2 },
  { decoder: "show_tell", imageRelu: true },
  { decoder: "show_tell", imageNorm: true },
  { decoder: "att2in" },
  { decoder: "att2in", tied: true, smoothing: 0.1 },
];
const INPUTS = [[1, 1, 1], [4, 5, 6], [7, 4, 8], [9, 0, 10]];
const TARGETS = [[4, 5, 6], [7, 4, 8], [9, 2, 10], [2, 0, 2]];
const OPTIMISERS = [
  { kind: "adam", options: { lr: 0.01, weight_decay: 0.1 }, clipNorm: 0.8 },
  { kind: "adam", options: { lr: 0.01, betas: [0.8, 0.99] }, clipValue: 0.3 },
  { kind: "adamw", options: { lr: 0.01, weight_decay: 0.1 }, clipNorm: 1.5, clipValue: 0.2 },
  { kind: "sgd", options: { lr: 0.1, momentum: 0.9, weight_decay: 0.05 } },
] as const;
const SCORES = [1, 2, 2, 1, 1.5, 1.9, 3, 2, 2, 2, 2, 2, 2, 2, 4, 1];
const SCHEDULES = [
  { kind: "step", rate: 0.4, every: 3, decay: 0.5, steps: 10 },
  { kind: "cosine", rate: 0.4, steps: 10 },
  { kind: "plateau", rate: 0.4, decay: 0.8, patience: 3, scores: SCORES },
] as const;

const numbers = (shape: Shape, seed: number) => {
  const random = new Random(seed);
  return Float64Array.from({ length: sizeOf(shape) }, () => random.normal());
};
const shapes: Shape[] = [[2, 3], [5]];
const STARTS = shapes.map((shape, i) => ({ shape, data: [...numbers(shape, i)] }));
const GRADIENTS = Array.from(
  { length: 5 },
  (_, step) => shapes.map((shape, i) => [...numbers(shape, 10 + 2 * step + i)]),
);

interface Goldens {
  readonly decoders: readonly {
    readonly loss: number;
    readonly crossEntropy: number;
    readonly gradients: Readonly<Record<string, readonly number[]>>;
    readonly features: readonly number[];
    readonly alphas: readonly number[] | null;
  }[];
  /** Parameters after each step. */
  readonly optimisers: readonly (readonly (readonly (readonly number[])[])[])[];
  readonly schedules: readonly (readonly number[])[];
}

const exact = new CpuBackend();
const features = numbers([B, P, D], 99);

function makeModel(
  { smoothing: _, ...variant }: typeof VARIANTS[number],
  backend: Backend = exact,
): CaptionModel {
  return new CaptionModel(backend, { ...CONFIG, ...variant }, { words: WORDS, seed: 3 });
}

/** Loss and gradients of the decoder's parameters and the features. */
function lossOf(model: CaptionModel, smoothing = 0) {
  const { backend } = model;
  const words = (ids: readonly (readonly number[])[], label: string) =>
    tensor(backend, ids.flat(), { shape: [T, B], type: "u32", label });
  const looked = tensor(backend, features, { shape: [B, P, D] });
  const batch = {
    rows: B,
    words: TARGETS.flat().filter((id) => id > 0).length,
    features: looked,
    inputs: words(INPUTS, "inputs"),
    targets: words(TARGETS, "targets"),
  };
  const parameters = model.parameters.trained.filter(({ name }) => name.startsWith("decoder."));
  const tensors = [...parameters.map(({ tensor }) => tensor), looked];
  const { value, grads } = valueAndGrad(tensors, () => {
    const { loss, crossEntropy, alphas } = model.loss(batch, {
      training: true,
      alphaC: 0,
      labelSmoothing: smoothing,
    });
    return { loss, crossEntropy, ...alphas && { alphas } };
  });
  return { value, grads, names: parameters.map(({ name }) => name.slice("decoder.".length)) };
}

describe("recipes against PyTorch", { ignore: lacksTorch }, () => {
  let goldens: Goldens;
  beforeAll(async () => {
    const decoders = await Promise.all(VARIANTS.map(async (variant) => {
      const model = makeModel(variant);
      const parameters: Record<string, { shape: Shape; data: number[] }> = {};
      for (const { name, tensor } of model.parameters.all) {
        if (!name.startsWith("decoder.")) continue;
        parameters[name.slice(8)] = { shape: tensor.shape, data: [...await tensor.read()] };
      }
      const { decoder = "attend", ...flags } = variant;
      return {
        decoder,
        flags,
        parameters,
        features: { shape: [B, P, D], data: [...features] },
        inputs: INPUTS,
        targets: TARGETS,
      };
    }));
    const optimisers = OPTIMISERS.map((each) => ({ ...each, parameters: STARTS, gradients: GRADIENTS }));
    const path = await Deno.makeTempFile({ suffix: ".json" });
    await Deno.writeTextFile(path, JSON.stringify({ decoders, optimisers, schedules: SCHEDULES }));
    goldens = JSON.parse(await python("tests/make_recipe_goldens.py", path));
    await Deno.remove(path);
  });

  for (const [i, variant] of VARIANTS.entries()) {
    it(`${JSON.stringify({ decoder: "attend", ...variant })} has PyTorch's loss, attention and gradients`, async () => {
      const want = goldens.decoders[i];
      const { value, grads, names } = lossOf(makeModel(variant), variant.smoothing);
      compare([await value.loss.item(), await value.crossEntropy.item()], [want.loss, want.crossEntropy], {
        what: "the losses",
        tolerance: 1e-12,
      });
      if (want.alphas) compare(await value.alphas!.read(), want.alphas, { what: "alpha", tolerance: 1e-12 });
      for (const [n, name] of [...names, "features"].entries()) {
        const wanted = name === "features" ? want.features : want.gradients[name];
        const [got, most] = [await grads[n].read(), Math.max(...wanted.map(Math.abs))];
        const worst = Math.max(...wanted.map((x, at) => Math.abs(x - got[at])));
        assert.ok(
          worst <= 1e-11 * most + 1e-15,
          `gradient of ${name} is off by ${worst}, largest is ${most}`,
        );
      }
    });
  }

  for (const [i, { kind, options, ...clipping }] of OPTIMISERS.entries()) {
    it(`${kind} ${JSON.stringify({ ...options, ...clipping })} moves parameters as PyTorch's does`, async () => {
      const parameters = STARTS.map(({ shape, data }) => tensor(exact, data, { shape }));
      const { lr, weight_decay: weightDecay, ...more } = options as { lr: number; weight_decay?: number };
      const { betas: [beta1, beta2] = [], momentum } = more as { betas?: number[]; momentum?: number };
      const optimiser = kind === "sgd"
        ? new Sgd(parameters, { momentum, weightDecay })
        : new Adam(parameters, { beta1, beta2, weightDecay, decoupled: kind === "adamw" });
      const norm = new GradientNorm(exact, 2);
      const { clipNorm, clipValue } = clipping as { clipNorm?: number; clipValue?: number };
      for (const [step, grads] of GRADIENTS.entries()) {
        const tensors = grads.map((data, n) => tensor(exact, data, { shape: shapes[n] }));
        const { factor } = norm.measure(tensors, clipNorm);
        optimiser.apply(tensors, { learningRate: lr, factor, clipValue });
        for (const [n, parameter] of parameters.entries()) {
          const what = `parameter ${n} after step ${step + 1}`;
          const want = goldens.optimisers[i][step][n];
          const got = await parameter.read();
          // the limit of values and the rate are f64 here and there; the clip's 1e-6 is PyTorch's
          want.forEach((x, at) => assert.ok(Math.abs(x - got[at]) < 1e-12, `${what}: ${got[at]}, not ${x}`));
        }
      }
    });
  }

  it("the learning rate follows PyTorch's schedulers", () => {
    const [step, cosine, plateau] = goldens.schedules;
    const near = (got: number, want: number) =>
      assert.ok(Math.abs(got - want) < 1e-15, `${got}, not ${want}`);
    const common = { learningRate: 0.4, warmup: 0, steps: 10 };
    step.forEach((rate, t) =>
      near(learningRateAt(t, { ...common, schedule: "step", decay: 0.5, decaySteps: 3 }), rate)
    );
    cosine.forEach((rate, t) => near(learningRateAt(t, { ...common, schedule: "cosine" }), rate));
    const watch = new Plateau({ decay: 0.8, patience: 3 });
    plateau.forEach((rate, t) => {
      near(0.4 * watch.state.scale, rate);
      watch.observe(SCORES[t]);
    });
    assert.ok(watch.state.scale < 0.8, "it has been reduced twice");
  });
});

describe("schedules", () => {
  it("rise in the warm-up to the peak and fall with the square root", () => {
    const noam = { learningRate: 1, schedule: "noam", warmup: 4, steps: 100 } as const;
    assert.deepEqual([0, 1, 3, 15, 63].map((step) => learningRateAt(step, noam)), [0.25, 0.5, 1, 0.5, 0.25]);
  });

  it("sample more and more, up to a limit", () => {
    const sampling = { every: 10, increase: 0.05, most: 0.12 };
    assert.deepEqual(
      [0, 9, 10, 29, 30, 1000].map((step) => samplingAt(step, sampling)),
      [0, 0, 0.05, 0.1, 0.12, 0.12]
        .map((x) => x),
    );
  });
});

describe("decoders of the recipes", () => {
  for (const backend of backends) {
    it(`give f64's losses and gradients, and search with beams, on ${backend.description}`, async () => {
      for (const variant of VARIANTS) {
        const [trusted, tested] = [makeModel(variant), makeModel(variant, backend)];
        for (const [i, { tensor }] of tested.parameters.all.entries()) {
          backend.write(tensor.storage, await trusted.parameters.all[i].tensor.read());
        }
        const [want, got] = [lossOf(trusted, variant.smoothing), lossOf(tested, variant.smoothing)];
        const what = JSON.stringify(variant);
        compare([await got.value.loss.item()], [await want.value.loss.item()], { what, tolerance: 1e-5 });
        for (const [i, grad] of got.grads.entries()) {
          compare(await grad.read(), await want.grads[i].read(), {
            what: `${what}: ${got.names[i] ?? "features"}`,
            tolerance: 2e-5,
          });
        }
        const live = Tensor.live;
        const captions = await Promise.all([exact, backend].map((on, i) => {
          const looked = tensor(on, features, { shape: [B, P, D] });
          const model = [trusted, tested][i];
          return beamSearch(model.decoder, looked, { beam: 3, maxLength: 6 }).finally(() => looked.dispose());
        }));
        assert.equal(Tensor.live, live, `${what}: tensors left by the search`);
        const ids = captions.map((images) => images.map(([{ ids }]) => ids));
        assert.deepEqual(ids[1], ids[0], what);
        const looked = tensor(exact, features, { shape: [B, P, D] });
        const member = { decoder: trusted.decoder, features: looked };
        const twice = await beamSearch(ensembleDecoder([member, member]), looked, { beam: 3, maxLength: 6 });
        looked.dispose();
        assert.deepEqual(twice.map(([{ ids }]) => ids), ids[0], `${what}: as an ensemble with itself`);
        assert.equal(Tensor.live, live, `${what}: tensors left by the ensemble`);
        for (const each of [want, got]) {
          for (const x of [...each.grads, ...Object.values(each.value)]) x.dispose();
        }
        trusted.dispose();
        tested.dispose();
      }
    });
  }
});
