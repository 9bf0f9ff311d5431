// This module runs in Deno only.
/**
 * A training run on cached features beside the same run in PyTorch: the same features, initial weights, batch order,
 * dropout masks and learning rates. Used by a test, and as a script for longer runs:
 *
 *     deno run -A tests/features_pytorch.ts --steps 600
 */
import { BatchLoader } from "../lib/data/batches.ts";
import { FeatureLoader } from "../lib/data/feature_batches.ts";
import { type FileTensor, serialiseSafetensors } from "../lib/data/safetensors.ts";
import type { DiskDataset } from "../lib/deno/dataset_disk.ts";
import { openFeatures } from "../lib/deno/features.ts";
import { makeFeatures } from "../lib/deno/training_features.ts";
import { writeFileAtomic } from "../lib/deno/write_file.ts";
import type { CaptionModel } from "../lib/models/caption_model.ts";
import { parameterToFile } from "../lib/models/model_file.ts";
import { hash32 } from "../lib/random.ts";
import { type Recipe, Trainer } from "../lib/train/trainer.ts";
import { learningRateAt } from "../lib/train/schedule.ts";
import { FIXTURES } from "./fixtures.ts";
import { python } from "./python.ts";

/** Losses of every step. */
export interface Comparison {
  readonly ours: readonly number[];
  /** PyTorch's, in float64 and float32. */
  readonly f64: readonly number[];
  readonly f32: readonly number[];
  /** PyTorch's in float32 from weights moved by one unit of rounding. */
  readonly moved: readonly (readonly number[])[];
}

/** Largest difference from PyTorch's float64 loss in the first steps. */
export function drift(losses: readonly number[], f64: readonly number[], steps = losses.length): number {
  return losses.slice(0, steps).reduce((most, loss, i) => Math.max(most, Math.abs(loss - f64[i])), 0);
}

/**
 * Trains a model's decoder on features, here and in PyTorch.
 *
 * @param dir For the features and what is exchanged with PyTorch.
 * @param options `moved`: PyTorch's runs from moved weights.
 */
export async function compareWithPytorch(
  { model, dataset, dir }: {
    readonly model: CaptionModel;
    readonly dataset: DiskDataset;
    readonly dir: string;
  },
  { recipe, batch, moved }: { readonly recipe: Recipe; readonly batch: number; readonly moved: number },
): Promise<Comparison> {
  const made = await makeFeatures(model, dataset, { data: dir, featuresType: "f32" });
  using features = await openFeatures(made.dir);
  const source = features.source(dataset.train.images.map(({ id }) => dataset.files.get(id)!));
  const loader = new BatchLoader(dataset.train, { batchSize: batch, seed: recipe.seed });

  // 1. What PyTorch is given: before our run, since that changes the weights.
  const count = dataset.train.images.length;
  const data = new Float32Array(count * source.length);
  await source.read(Uint32Array.from({ length: count }, (_, i) => i), data);
  const { positions, channels } = model.encoder;
  await save(
    `${dir}/features.safetensors`,
    new Map([["features", { dtype: "F32", shape: [count, positions, channels], data }]]),
  );
  const weights = new Map<string, FileTensor>();
  for (const parameter of model.parameters.all) {
    if (parameter.name.startsWith("decoder.")) {
      weights.set(parameter.name, await parameterToFile(parameter));
    }
  }
  await save(`${dir}/weights.safetensors`, weights);
  const { decoder, dropout, embedding, hidden, attention } = model.config;
  const { alphaC, clipNorm, steps } = recipe;
  const plan = {
    ...{ decoder, dropout, alphaC, clipNorm },
    sizes: {
      V: model.words,
      D: channels,
      E: embedding,
      H: hidden,
      ...decoder === "attend" && { A: attention },
    },
    steps: Array.from({ length: steps }, (_, step) => {
      const place = { epoch: Math.floor(step / loader.stepsPerEpoch), step: step % loader.stepsPerEpoch };
      const { images, captions, columns } = loader.words(place);
      return {
        images: [...images],
        captions: Array.from(images, (_, row) => [...captions.subarray(row * columns, (row + 1) * columns)]),
        learningRate: learningRateAt(step, recipe),
        dropoutSeed: hash32(recipe.seed, step),
      };
    }),
  };
  await Deno.writeTextFile(`${dir}/plan.json`, JSON.stringify(plan));

  // 2. Our run.
  const trainer = new Trainer(model, recipe);
  const ours: number[] = [];
  for await (const pictures of new FeatureLoader(loader, source).from()) {
    trainer.step(pictures);
    if (trainer.unread === 32 || trainer.steps === steps) {
      ours.push(...(await trainer.readings()).map(({ loss }) => loss));
    }
    if (trainer.steps === steps) break;
  }
  trainer.dispose();

  // 3. PyTorch's.
  const script = new URL("features_training.py", import.meta.url).pathname;
  await python(script, `${FIXTURES}/reference`, dir, "--moved", String(moved));
  const losses = JSON.parse(await Deno.readTextFile(`${dir}/losses.json`));
  return { ours, ...losses };
}

async function save(path: string, tensors: ReadonlyMap<string, FileTensor>): Promise<void> {
  await writeFileAtomic(path, serialiseSafetensors({ metadata: {}, tensors }));
}
