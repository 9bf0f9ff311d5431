// This module runs in Deno only.
/**
 * A training run on cached features beside the same run in PyTorch: the same features, initial weights, batch order,
 * dropout masks and learning rates. Used by a test, and as a script for longer runs, which prints losses, drift and
 * what both models write of the held-out photographs:
 *
 *     deno run -A tests/features_pytorch.ts 300
 */
import type { Backend } from "../lib/backend/backend.ts";
import { openCpu } from "../lib/backend/cpu.ts";
import { BatchLoader } from "../lib/data/batches.ts";
import { FeatureLoader } from "../lib/data/feature_batches.ts";
import { type FileTensor, serialiseSafetensors } from "../lib/data/safetensors.ts";
import { type DiskDataset, openDataset } from "../lib/deno/dataset_disk.ts";
import { readSafetensors } from "../lib/deno/model_disk.ts";
import { readEncoderWeights } from "../lib/deno/start_weights.ts";
import { DEFAULT_PREPROCESSING } from "../lib/image/preprocess.ts";
import { captionSplit } from "../lib/models/caption_split.ts";
import { configForWeights, loadEncoder } from "../lib/models/encoder_weights.ts";
import { scoreCaptions } from "../lib/text/score.ts";
import { tokenizePtb } from "../lib/text/tokenize.ts";
import { startBiasAtFrequency } from "../lib/train/word_bias.ts";
import { openFeatures } from "../lib/deno/features.ts";
import { makeFeatures } from "../lib/deno/training_features.ts";
import { writeFileAtomic } from "../lib/deno/write_file.ts";
import { CaptionModel } from "../lib/models/caption_model.ts";
import { loadParameters, parameterToFile } from "../lib/models/model_file.ts";
import { hash32 } from "../lib/random.ts";
import { type Recipe, Trainer } from "../lib/train/trainer.ts";
import { learningRateAt } from "../lib/train/schedule.ts";
import { FIXTURES } from "./fixtures.ts";
import { python } from "./python.ts";

/** Folder of the photographs with captions. */
const COCO = `${FIXTURES}/data/coco`;
/** MobileNetV2's ImageNet weights. */
export const MOBILENET = `${FIXTURES}/data/weights/mobilenet_v2_1.00_224_bnfolded_f32.safetensors`;

/** How the decoder is trained on MobileNetV2's features of the photographs. */
export const PHOTO_RECIPE = {
  learningRate: 1e-3,
  schedule: "constant",
  warmup: 0,
  clipNorm: 5,
  alphaC: 1,
  fineTune: "none",
  seed: 1,
} as const;

/**
 * The photographs with their `karpathy_split`, and MobileNetV2 with an attend decoder before its training.
 *
 * @param dir For packed pictures and features.
 * @param options `photos`: only the first so many.
 */
export async function openPhotoModel(
  backend: Backend,
  dir: string,
  { hidden, attention = 128, photos = 169 }: {
    readonly hidden: number;
    readonly attention?: number;
    readonly photos?: number;
  },
) {
  const coco = JSON.parse(await Deno.readTextFile(`${COCO}/captions_photos.json`));
  const kept = new Set(coco.images.slice(0, photos).map(({ id }: { id: number }) => id));
  const images = coco.images.filter(({ id }: { id: number }) => kept.has(id));
  const annotations = coco.annotations.filter(({ image_id }: { image_id: number }) => kept.has(image_id));
  await Deno.writeTextFile(`${dir}/captions.json`, JSON.stringify({ ...coco, images, annotations }));
  const weights = await readEncoderWeights(MOBILENET, { data: dir, encoder: "mobilenet_v2" });
  const config = configForWeights({
    ...{ encoder: "mobilenet_v2", decoder: "attend", hidden, embedding: 128, attention, dropout: 0.5 },
    preprocessing: { ...DEFAULT_PREPROCESSING, size: 224 },
  }, weights);
  const { preprocessing } = config;
  const place = { annotations: `${dir}/captions.json`, images: `${COCO}/photos`, data: dir };
  const dataset = await openDataset({ ...place, preprocessing, minCount: 2 });
  const model = new CaptionModel(backend, config, { words: dataset.vocabulary.size, seed: 1 });
  loadEncoder(model, weights);
  startBiasAtFrequency(model, dataset.train.tokens);
  return { dataset, model };
}

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

/** Scores of the captions that a model writes of the photographs it has not been trained on. */
async function heldOut(model: CaptionModel, { vocabulary, val, test }: DiskDataset) {
  const references = new Map<number, string[][]>();
  const captions = new Map<number, string[]>();
  for (const split of [val, test!]) {
    const written = await captionSplit({ model, vocabulary }, split, { beam: 3 });
    split.imageIds.forEach((id, i) => {
      references.set(id, split.captions[i].map(tokenizePtb));
      captions.set(id, tokenizePtb(written[i][0].text));
    });
  }
  const { CIDEr, Bleu_4 } = scoreCaptions(references, captions);
  return `CIDEr-D ${CIDEr.toFixed(3)}, BLEU-4 ${Bleu_4.toFixed(3)} on ${captions.size} photographs`;
}

if (import.meta.main) {
  const steps = Number(Deno.args[0] ?? 300);
  const dir = Deno.args[1] ?? await Deno.makeTempDir();
  const backend = await openCpu({ threads: 2 });
  const { model, dataset } = await openPhotoModel(backend, dir, { hidden: 256 });
  const recipe = { ...PHOTO_RECIPE, steps };
  const { ours, f64, f32, moved } = await compareWithPytorch({ model, dataset, dir }, {
    ...{ recipe, batch: 16, moved: 2 },
  });
  console.log("step   ours      PyTorch   in f64    off: ours  PyTorch   from moved weights");
  for (const step of [1, 2, 5, 10, 20, 30, 50, 100, 150, 200, 250, 300, 400, 500].filter((n) => n <= steps)) {
    const losses = [ours, f32, f64].map((run) => run[step - 1].toFixed(6).padStart(9));
    const off = [ours, f32, ...moved].map((run) => drift(run, f64, step).toExponential(1).padStart(8));
    console.log(`${String(step).padStart(4)} ${losses.join(" ")}   ${off.join("  ")}`);
  }
  console.log(`ours: ${await heldOut(model, dataset)}`);
  const trained = await readSafetensors(`${dir}/trained.safetensors`);
  const decoder = model.parameters.all.filter(({ name }) => name.startsWith("decoder."));
  loadParameters(decoder, trained.tensors, "trained.safetensors");
  console.log(`PyTorch's: ${await heldOut(model, dataset)}`);
  dataset.close();
  backend.close();
}
