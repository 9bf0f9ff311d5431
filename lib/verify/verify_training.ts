// This module is browser compatible.
import { valueAndGrad } from "../autograd.ts";
import type { Backend, NumberArray } from "../backend/backend.ts";
import type { FileTensor } from "../data/safetensors.ts";
import { DEFAULT_PREPROCESSING } from "../image/preprocess.ts";
import { CaptionModel } from "../models/caption_model.ts";
import { DECODERS, type ModelConfig } from "../models/config.ts";
import { type HostBatch, uploadBatch } from "../models/device_batch.ts";
import { loadParameters, parameterToFile } from "../models/model_file.ts";
import { TINY_CHANNELS } from "../models/tiny.ts";
import { scope } from "../scope.ts";
import { PAD } from "../text/vocabulary.ts";
import { Trainer } from "../train/trainer.ts";
import { l2, largestDifference, type VerifiedCase, WorstError } from "./report.ts";

/** Parameter whose true gradient is 0: softmax cancels it, and Adam amplifies the rounding noise there. */
const NO_GRADIENT = "decoder.attention.full_att.bias";

type Table = Readonly<Record<string, { readonly l2: number; readonly mean: number }>>;

interface Run {
  readonly loss: readonly number[];
  readonly grad_norm: readonly number[];
  readonly final_weights: Table;
}

/** results.json of a training golden. */
export interface TrainingGolden {
  readonly decoder: (typeof DECODERS)[number];
  readonly vocabulary: number;
  readonly steps: number;
  readonly float64: Run & {
    readonly cross_entropy: readonly number[];
    readonly first_step_gradients: Readonly<
      Record<string, { readonly l2: number; readonly first4: readonly number[] }>
    >;
    readonly update_l2_step1: Readonly<Record<string, number>>;
    readonly update_l2_step3: Readonly<Record<string, number>>;
  };
  readonly tight_clip: Run & { readonly max_norm: number };
  readonly tolerance: {
    readonly loss_abs: readonly number[];
    readonly grad_norm_rel: readonly number[];
    readonly first_gradient_rel: number;
    readonly update_l2_step1_rel: number;
    readonly update_l2_step3_rel: number;
    readonly final_weight_l2_abs: Readonly<Record<string, number>>;
    readonly final_weight_mean_abs: Readonly<Record<string, number>>;
  };
}

/** The tensors of a training golden's files. */
export interface TrainingTensors {
  readonly initialWeights: ReadonlyMap<string, FileTensor>;
  readonly batches: ReadonlyMap<string, FileTensor>;
  readonly firstStep: ReadonlyMap<string, FileTensor>;
}

/** The reference's model with the given weights. */
export function goldenModel(
  backend: Backend,
  decoder: ModelConfig["decoder"],
  { words, weights }: { readonly words: number; readonly weights: ReadonlyMap<string, FileTensor> },
): CaptionModel {
  const config = {
    encoder: "tiny",
    channels: TINY_CHANNELS,
    decoder,
    embedding: 128,
    hidden: 256,
    attention: 128,
    dropout: 0,
    preprocessing: DEFAULT_PREPROCESSING,
  } as const;
  const model = new CaptionModel(backend, config, { words });
  loadParameters(model.parameters.all, weights, "the golden's weights");
  return model;
}

/** First step, twenty steps and twenty steps with a tight clip. */
export async function verifyTraining(
  backend: Backend,
  golden: TrainingGolden,
  tensors: TrainingTensors,
): Promise<VerifiedCase[]> {
  const result = (worst: WorstError, name: string) =>
    worst.result("train", `${golden.decoder}/${name}`, backend.name);
  const first = await verifyFirstStep(backend, golden, tensors);
  const run = await verifyRun(backend, golden, { tensors, expected: golden.float64, clipNorm: 5 });
  const { tight_clip } = golden;
  const tight = await verifyRun(backend, golden, {
    tensors,
    expected: tight_clip,
    clipNorm: tight_clip.max_norm,
  });
  return [
    result(first.forward, "first step, values"),
    result(first.gradients, "first step, gradients"),
    result(run.losses, "20 steps, losses"),
    result(run.norms, "20 steps, gradient norms"),
    result(run.updates, "updates after steps 1 and 3"),
    result(run.weights, "20 steps, final weights"),
    result(tight.losses, "tight clip, losses"),
    result(tight.norms, "tight clip, gradient norms"),
    result(tight.weights, "tight clip, final weights"),
  ];
}

async function verifyFirstStep(backend: Backend, golden: TrainingGolden, tensors: TrainingTensors) {
  const model = goldenModel(backend, golden.decoder, {
    words: golden.vocabulary,
    weights: tensors.initialWeights,
  });
  const forward = new WorstError();
  const gradients = new WorstError();
  const { trained } = model.parameters;
  const batch = scope(() => uploadBatch(backend, batchOf(tensors.batches, 0)));
  const features = scope(() => model.features(batch, { training: true }));
  model.dispose(); // the encoder has updated its statistics: the gradients start again from the golden's
  const fresh = goldenModel(backend, golden.decoder, {
    words: golden.vocabulary,
    weights: tensors.initialWeights,
  });
  const { value, grads } = valueAndGrad(
    fresh.parameters.trained.map(({ tensor }) => tensor),
    () => fresh.loss(batch, { training: true }),
  );
  const near = (got: ArrayLike<number>, want: ArrayLike<number>) =>
    forward.add(
      largestDifference(got, want),
      1e-5 * largestDifference(want, new Float32Array(want.length)) + 1e-6,
    );
  const want = (name: string) => tensors.firstStep.get(name)!.data as Float32Array;
  near(await features.read(), want("features"));
  near(batchFirst(await value.logits.read(), value.logits.shape), want("logits"));
  if (value.alphas) {
    const { shape } = value.alphas;
    const alphas = maskPadded(await value.alphas.read(), await batch.targets.read(), shape[2]);
    near(batchFirst(alphas, shape), want("alphas"));
  }
  for (const [i, { name, layout }] of trained.entries()) {
    if (name === NO_GRADIENT) continue;
    const { data } = await parameterToFile({ name, tensor: grads[i], layout, trained: false });
    const { l2: norm, first4 } = golden.float64.first_step_gradients[name];
    // The golden keeps the norm and the first four elements: each is held to the tensor's own scale.
    gradients.add(Math.abs(l2(data as Float32Array) - norm) / norm, golden.tolerance.first_gradient_rel);
    first4.forEach((value, j) => {
      const error = Math.abs((data as Float32Array)[j] - value) / norm;
      gradients.add(error, golden.tolerance.first_gradient_rel);
    });
  }
  fresh.dispose();
  const results = [value.loss, value.crossEntropy, value.attentionTerm, value.logits, value.alphas];
  for (const each of [features, ...grads, ...results, batch.pixels, batch.inputs, batch.targets]) {
    each?.dispose();
  }
  return { forward, gradients };
}

async function verifyRun(
  backend: Backend,
  golden: TrainingGolden,
  { tensors, expected, clipNorm }: { tensors: TrainingTensors; expected: Run; clipNorm: number },
) {
  const weights = tensors.initialWeights;
  const model = goldenModel(backend, golden.decoder, { words: golden.vocabulary, weights });
  const recipe = {
    learningRate: 4e-4,
    schedule: "constant",
    warmup: 0,
    clipNorm,
    alphaC: 1,
    seed: 0,
  } as const;
  const trainer = new Trainer(model, { ...recipe, steps: golden.steps });
  const { tolerance } = golden;
  const [losses, norms, updates, finals] = Array.from({ length: 4 }, () => new WorstError());
  const numbers = async (parameter: (typeof model.parameters.all)[number]) =>
    (await parameterToFile(parameter)).data as Float32Array;
  for (let step = 0; step < golden.steps; step++) {
    trainer.step(batchOf(tensors.batches, step % 6));
    const [{ loss, gradNorm }] = await trainer.readings();
    losses.add(Math.abs(loss - expected.loss[step]), tolerance.loss_abs[step]);
    const norm = expected.grad_norm[step];
    norms.add(Math.abs(gradNorm - norm) / norm, tolerance.grad_norm_rel[step]);
    const sizes = ([undefined, "update_l2_step1", undefined, "update_l2_step3"] as const)[step + 1];
    if (!sizes) continue;
    for (const parameter of model.parameters.all) {
      const { name } = parameter;
      if (name === NO_GRADIENT) continue;
      const [now, start] = [await numbers(parameter), weights.get(name)!.data as Float32Array];
      const size = golden.float64[sizes][name];
      updates.add(Math.abs(l2(now.map((x, i) => x - start[i])) - size) / size, tolerance[`${sizes}_rel`]);
    }
  }
  for (const parameter of model.parameters.all) {
    if (parameter.name === NO_GRADIENT) continue;
    const data = await numbers(parameter);
    const { l2: norm, mean } = expected.final_weights[parameter.name];
    finals.add(Math.abs(l2(data) - norm), tolerance.final_weight_l2_abs[parameter.name]);
    const average = data.reduce((sum, x) => sum + x, 0) / data.length;
    finals.add(Math.abs(average - mean), tolerance.final_weight_mean_abs[parameter.name]);
  }
  trainer.dispose();
  model.dispose();
  return { losses, norms, updates, weights: finals };
}

/** Batch i of the golden's six, cut to its longest caption. */
function batchOf(tensors: ReadonlyMap<string, FileTensor>, i: number): HostBatch {
  const [, B, columnsStored] = tensors.get("captions")!.shape;
  const part = (name: string, perBatch: number) =>
    (tensors.get(name)!.data as Uint8Array).slice(i * perBatch, (i + 1) * perBatch);
  const lengths = part("lengths", B);
  const columns = Math.max(...lengths);
  const stored = part("captions", B * columnsStored);
  const captions = Uint32Array.from(
    { length: B * columns },
    (_, at) => stored[Math.floor(at / columns) * columnsStored + at % columns],
  );
  const pixels = part("images", B * 64 * 64 * 3);
  return { pixels, captions, columns, lengths };
}

/** [T, B, X] → [B, T, X]. */
function batchFirst(values: ArrayLike<number>, [T, B, X]: readonly number[]): Float64Array {
  const result = new Float64Array(values.length);
  for (let t = 0; t < T; t++) {
    for (let b = 0; b < B; b++) {
      for (let x = 0; x < X; x++) result[(b * T + t) * X + x] = values[(t * B + b) * X + x];
    }
  }
  return result;
}

/** Zeros at the steps [T, B] whose target is padding, as the golden has them. */
function maskPadded(alphas: NumberArray, targets: ArrayLike<number>, P: number): NumberArray {
  return alphas.map((alpha, i) => targets[Math.floor(i / P)] === PAD ? 0 : alpha);
}
